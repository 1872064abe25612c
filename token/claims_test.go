package token

import (
	"reflect"
	"testing"
)

// fielded is a Fielder; plain has the same fields and is none.
type fielded struct {
	Registered
	Text   string         `json:"text"`
	Number int64          `json:"number"`
	Small  int            `json:"small"`
	Flag   bool           `json:"flag"`
	Object map[string]any `json:"object"`
}

type plain struct {
	Registered
	Text   string         `json:"text"`
	Number int64          `json:"number"`
	Small  int            `json:"small"`
	Flag   bool           `json:"flag"`
	Object map[string]any `json:"object"`
}

func (f *fielded) Field(claim []byte) any {
	switch string(claim) {
	case "text":
		return &f.Text
	case "number":
		return &f.Number
	case "small":
		return &f.Small
	case "flag":
		return &f.Flag
	case "object":
		return &f.Object
	}
	return Field(&f.Registered, claim)
}

// FuzzDecodeClaims: a Fielder is decoded as the JSON decoder decodes the same type, with the same refusals.
func FuzzDecodeClaims(f *testing.F) {
	for _, text := range []string{
		`{}`, `null`, `[]`, `{"iss":"a","sub":"b","aud":["c"],"exp":1,"nbf":2,"iat":3,"jti":"d"}`,
		`{"text":"a\u0041\n","number":-1,"small":7,"flag":true,"object":{"a":[1]}}`,
		`{"aud":"one"}`, `{"aud":[]}`, `{"aud":["a","b"]}`, `{"aud":["a\"","b"]}`, `{"aud":[ "a" ]}`, `{"aud":[1]}`,
		`{"exp":1.5}`, `{"exp":"1"}`, `{"exp":0}`, `{"exp":-1}`, `{"exp":1e3}`, `{"exp":999999999999999999999}`, `{"exp":null}`,
		`{"text":null,"number":null,"flag":null}`, `{"text":1}`, `{"number":"1"}`, `{"number":01}`, `{"flag":"true"}`, `{"flag":truee}`,
		`{"iss":"a","iss":"b"}`, `{"ISS":"a"}`, `{"Text":"a"}`, `{"object":{"a":1,"a":2}}`, "{\"text\":\"\xff\"}", `{"text":"a"} {}`,
		`{"number":123456789012345678901}`, `{"number":-0}`, `{"small":9223372036854775808}`, `{"\u0069ss":"a"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var fast fielded
		var slow plain
		fastStandard, fastErr := decodeClaims(payload, &fast, false)
		slowStandard, slowErr := decodeClaims(payload, &slow, false)
		if (fastErr == nil) != (slowErr == nil) {
			t.Fatalf("%q: %v and %v", payload, fastErr, slowErr)
		}
		if fastErr == nil && !reflect.DeepEqual(plain(fast), slow) {
			t.Errorf("%q: %+v and %+v", payload, fast, slow)
		}
		if fastErr == nil && (!reflect.DeepEqual(fastStandard, fast.Registered) || !reflect.DeepEqual(slowStandard, slow.Registered)) {
			t.Errorf("%q: %+v and %+v by themselves, %+v with the rest", payload, fastStandard, slowStandard, fast.Registered)
		}
	})
}
