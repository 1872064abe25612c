// The configuration of writ for this directory and those below. `writ config` shows each key, its value and where it came
// from; WRIT_ variables, -x KEY=VALUE and flags win over what is here.
{
  // Orders are signed with this key, and verified with its public half: `writ key generate` makes both.
  build: { signingKeyPath: 'signing.key' },
  run: { verifyKeys: ['signing.pub'] },
}
