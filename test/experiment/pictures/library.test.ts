import { expect, test } from '@jest/globals';
import { dist, nextLine, runModule } from '../../support/child-processes.js';

test('a picture is written after a first load of the library that failed, by the same process', async () => {
  const program = runModule(`
    import Module from 'node:module';
    // A file of the library is empty when it is first read.
    const read = Module._extensions['.js'];
    let failures = 2;
    Module._extensions['.js'] = (module, path) => {
      if (!path.endsWith('detect-libc.js') || failures-- <= 0) read(module, path);
    };
    const { encodePicture } = await import(${dist('db/tables/picture-codec.js')});
    const picture = { modality: 'image', width: 2, height: 2, pixels: new Uint8Array(12) };
    const told = [];
    for (let tries = 0; tries < 3; tries++) {
      told.push(await encodePicture(picture).then((bytes) => bytes.subarray(8, 12).toString(), (error) => error.message));
    }
    console.log(JSON.stringify(told));
  `);
  const failed = expect.stringMatching(/isNonGlibcLinuxSync/) as unknown;
  expect(JSON.parse(await nextLine(program))).toEqual([failed, 'WEBP', 'WEBP']);
});
