// Copies of a file, by its contents and by its checksum.
local copy = import '../writ/copy.libsonnet';
local file = import '../writ/file.libsonnet';

{
  run: [
    file("/srv/it's a source", 'copied\n'),
    copy('/srv/$(touch broken) copy', "/srv/it's a source", mode='0755', owner='daemon'),
    copy('/srv/checked copy', "/srv/it's a source", checksum='sha256:c859968d74aafda9272be2d13a897eb016930e2c6e9c0054c385d51ec2679d22'),
  ],
}
