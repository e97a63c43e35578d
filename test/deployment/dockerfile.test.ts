import { describe, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cudaLibrariesCommand } from '../../models/onnx/cuda-libraries.js';
import { readComposeFile, ROOT } from './compose-file.js';
import { buildContext, readDockerfile } from './dockerfile.js';

const root = fileURLToPath(ROOT);
const stages = readDockerfile();
const stage = (name: string) => stages.find((stage) => stage.name === name)!;

describe('the Dockerfile', () => {
  test('builds on images of one version and digest, or on its own stages', () => {
    const names = stages.map(({ name }) => name);
    expect(names).toEqual(['build', 'cuda-provider', 'cpu', 'node', 'cuda']);
    for (const { from, name } of stages) {
      if (names.includes(from)) expect(names.indexOf(from)).toBeLessThan(names.indexOf(name));
      else expect(from).toMatch(/^[a-z/]+:\d+\.\d+[\w.-]*@sha256:[0-9a-f]{64}$/);
    }
    expect(stage('build').from).toContain(`node:${process.versions.node.split('.')[0]}.`);
  });

  test('ends the build if the CUDA image lacks a library that the provider of the runtime needs', () => {
    // The stage fetches the provider on the image of the workers, and asks the loader there for its needs.
    expect(stage('cuda-provider').from).toBe(stage('cuda').from);
    const run = stage('cuda-provider').instructions.find(({ name }) => name === 'RUN');
    expect(run?.words).toBe('node bin/panic-tda.mjs setup cuda --without-gpu');
    const major = Number(/:(\d+)\./.exec(stage('cuda').from)?.[1]);
    expect(cudaLibrariesCommand(major)).not.toBeNull();
  });

  test('has the targets that docker-compose.yml builds', () => {
    for (const { build } of Object.values(readComposeFile().services)) {
      if (build !== undefined) expect(stages.map(({ name }) => name)).toContain(build.target);
    }
  });

  test.each(['cpu', 'cuda'])(
    '%s: does not run as root, keeps data in volumes of its user, and has no tools of the build',
    (name) => {
      const { instructions } = stage(name);
      const of = (instruction: string) =>
        instructions.filter(({ name }) => name === instruction).map(({ words }) => words);
      expect(of('USER')).toEqual(['10001:10001']);
      expect(of('VOLUME')).toEqual(['["/data", "/models"]']);
      expect(of('RUN').join(' ')).toContain('install --directory --owner=10001 --group=10001 /data /models');
      expect(of('RUN').join(' ')).not.toMatch(/apt-get|npm/);
      // All files of the user are made before it.
      expect(instructions.findIndex(({ name }) => name === 'USER')).toBeGreaterThan(
        instructions.findLastIndex(({ name }) => name === 'RUN' || name === 'COPY'),
      );
    },
  );

  test('installs exactly the lock file, and leaves the tools of the build behind', () => {
    const runs = stage('build')
      .instructions.filter(({ name }) => name === 'RUN')
      .map(({ words }) => words);
    expect(runs.some((words) => words.startsWith('npm ci '))).toBe(true);
    expect(runs.at(-1)).toContain('npm prune --omit=dev');
  });

  test('runs no install script but that of better-sqlite3, which it compiles', () => {
    const commands = stages.flatMap(({ instructions }) =>
      instructions.filter(({ name }) => name === 'RUN').flatMap(({ words }) => words.split(/\s*&&\s*/)),
    );
    const installing = commands.filter((words) => /npm (ci|install|prune|rebuild)/.test(words));
    expect(installing).toHaveLength(3);
    for (const words of installing) {
      if (words.includes('rebuild'))
        expect(words).toMatch(/build_from_source=true.* npm rebuild better-sqlite3$/);
      else expect(words).toContain('--ignore-scripts');
    }
  });

  test('copies only files that .dockerignore lets in, and they exist', () => {
    const context = buildContext();
    for (const name of context) expect(existsSync(join(root, name))).toBe(true);
    expect(context).not.toEqual(expect.arrayContaining(['node_modules']));
    for (const { instructions } of stages) {
      for (const { words } of instructions.filter(
        ({ name, words }) => name === 'COPY' && !words.startsWith('--from'),
      )) {
        const sources = words.split(' ').slice(0, -1);
        for (const source of sources) if (source !== '.') expect(context).toContain(source);
      }
    }
  });
});
