{
  getConfig(): std.native('getConfig')(),
  getOS(): std.native('getOS')(),
}
