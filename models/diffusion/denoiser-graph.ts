import { requireAgreement, type Statement } from '../agreement.js';
import type { Graph } from './graph.js';
import type { ModelFolder } from './model-folder.js';

/**
 * What a denoiser's configuration and graph state of the channels of the latents that it reads and gives. The first
 * statement is the configuration's `in_channels`.
 */
export async function latentChannels(
  folder: ModelFolder,
  component: string,
  graph: Graph,
  input: string,
): Promise<readonly [Statement, ...Statement[]]> {
  return [
    await folder.statement(component, 'in_channels'),
    await folder.statement(component, 'out_channels'),
    graph.inputDim(input, 1),
    graph.outputDim(graph.outputs[0]!, 1),
  ];
}

/**
 * Throws PanicError `InvalidInput` where the graph was exported for another number of latents: with guidance the
 * denoiser reads two at once.
 */
export function requireBatch(graph: Graph, input: string, isGuided: boolean): void {
  const wanted = { value: isGuided ? 2 : 1, where: 'the setting guidance_scale' };
  requireAgreement(
    'pictures that the denoiser is asked about at once',
    [wanted, graph.inputDim(input, 0)],
    'guidance asks about two; set another guidance_scale, or take an export for any number',
  );
}

/** Throws PanicError `InvalidInput` where the graph was exported for latents of another size. */
export function requireLatentSize(graph: Graph, input: string, rows: number, columns: number): void {
  const size = [
    ['height', rows, 2],
    ['width', columns, 3],
  ] as const;
  for (const [name, value, axis] of size) {
    const wanted = { value, where: `the setting ${name} (in latents)` };
    requireAgreement(`${name} of the latents`, [wanted, graph.inputDim(input, axis)], 'set the other size');
  }
}
