import { assertNever } from '../common/errors.js';
import { cudaLibrariesCommand, type CudaProblem } from '../models/index.js';
import type { Context } from './context.js';

/** The oldest major version of NVIDIA's driver that runs a version of CUDA (CUDA Compatibility, table 2). */
const DRIVER_OF: Readonly<Record<number, number>> = { 12: 525, 13: 580 };

/** How a user gets what CUDA lacks, one sentence a line. Empty if panic-tda knows no remedy. */
export function cudaRemedy(problem: CudaProblem, command: Context['command']): string[] {
  switch (problem.kind) {
    case 'provider-missing':
    case 'provider-damaged':
      return [`"${command('setup', 'cuda')}" fetches it`];
    case 'libraries-missing':
      return librariesRemedy(problem.cudaMajor, problem.driver);
    case 'driver-missing':
      return ["NVIDIA's driver comes with the system's packages; nothing else is missing"];
    case 'library-broken':
      return [];
    default:
      return assertNever(problem);
  }
}

function librariesRemedy(cudaMajor: number | null, driver: boolean): string[] {
  const brings = cudaLibrariesCommand(cudaMajor);
  const version = cudaMajor === null ? undefined : DRIVER_OF[cudaMajor];
  const which = version === undefined ? "NVIDIA's driver" : `NVIDIA's driver ${version} or newer`;
  return [
    brings === null
      ? `CUDA ${cudaMajor ?? ''} and cuDNN bring them`.replace('  ', ' ')
      : `this brings them: ${brings}`,
    ...(driver ? [`${which} is needed as well, from the system's packages`] : []),
  ];
}
