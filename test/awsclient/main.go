// Awsclient reads an object of S3 with the AWS SDK for Go as it comes: whatever it needs to know it takes from the
// environment, as every program with an SDK of AWS does (AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN, AWS_REGION, and for
// another server than AWS's AWS_ENDPOINT_URL_STS and AWS_ENDPOINT_URL_S3). It is a module of its own, so that the SDK stays out of Writ's dependencies.
//
//	awsclient BUCKET OBJECT
package main

import (
	"context"
	"io"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: awsclient BUCKET OBJECT")
	}
	if err := read(context.Background(), os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

// read copies an object to standard output.
func read(ctx context.Context, bucket, object string) error {
	c, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	client := s3.NewFromConfig(c, func(o *s3.Options) {
		o.UsePathStyle = true // MinIO on an address has no names for buckets; AWS takes both
	})
	got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &object})
	if err != nil {
		return err
	}
	defer got.Body.Close()
	_, err = io.Copy(os.Stdout, got.Body)
	return err
}
