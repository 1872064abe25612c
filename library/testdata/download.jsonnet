// A download, from the server at DOWNLOAD_URL, which wants a header.
local download = import '../writ/download.libsonnet';
local native = import '../writ/native.libsonnet';

{
  run: [
    download(
      '/srv/download',
      native.getEnv('DOWNLOAD_URL', 'http://127.0.0.1:8000') + '/file',
      'sha256:30031a9831674dd684c3817399acebc88a116ce5a7a3fbc0cf34d92521a534e6',
      headers={ 'X-Token': "it's secret $(touch broken)" },
      timeout=60,
      mode='0755',
    ),
  ],
}
