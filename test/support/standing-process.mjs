// Runs commands of the compiled program, one after another in this one process, for test/support/standing-program.ts. A command gets modules of
// its own, so that it finds no state of an earlier one. Node's own modules and the packages stay loaded: loading them takes most of
// the time of a short command.
import { AsyncLocalStorage } from 'node:async_hooks';
import { readFile } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { SourceTextModule, SyntheticModule } from 'node:vm';

const DIST = new URL('../../dist/', import.meta.url).href;
const MAIN = new URL('cli/main.js', DIST).href;

/** What the compiler made of each file of the program. */
const compiled = new Map();
/** A package or a module of Node, by its name. */
const packages = new Map();

/** Loads the modules of one command. */
class Program {
  #modules = new Map();
  /** Node links a graph of modules only while no other graph shares an unlinked module with it. */
  #linked = Promise.resolve();

  async run(url) {
    await this.#import(url);
  }

  async #import(url) {
    const module = await this.#moduleAt(url);
    this.#linked = this.#linkAfter(this.#linked, module);
    await this.#linked;
    await module.evaluate();
    return module;
  }

  async #linkAfter(before, module) {
    await before;
    if (module.status === 'unlinked') await module.link(this.#find);
  }

  #find = async (specifier, { identifier }) => await this.#moduleAt(addressOf(specifier, identifier));

  #moduleAt(url) {
    let module = this.#modules.get(url);
    if (module === undefined) {
      module = url.startsWith(DIST) ? this.#make(url) : packageOf(url);
      this.#modules.set(url, module);
    }
    return module;
  }

  async #make(url) {
    const known = compiled.get(url);
    // A module from the compiler's cache has no import() of its own (Node 20).
    const source =
      known?.source ??
      (await readFile(fileURLToPath(url), 'utf8')).replaceAll(/\bimport\(/g, 'import.meta.imported(');
    const module = new SourceTextModule(source, {
      identifier: url,
      ...(known === undefined ? {} : { cachedData: known.data }),
      initializeImportMeta: (meta) => {
        meta.url = url;
        meta.imported = async (specifier) => (await this.#import(addressOf(specifier, url))).namespace;
      },
    });
    if (known === undefined) compiled.set(url, { source, data: module.createCachedData() });
    return module;
  }
}

function addressOf(specifier, from) {
  return /^(\.{1,2}\/|file:)/.test(specifier) ? new URL(specifier, from).href : specifier;
}

async function packageOf(name) {
  const loaded = packages.get(name) ?? (await import(name));
  packages.set(name, loaded);
  return new SyntheticModule(Object.keys(loaded), function exportAll() {
    for (const key of Object.keys(loaded)) this.setExport(key, loaded[key]);
  });
}

/** Takes what a command writes, as a pipe would. */
function captured(descriptor) {
  const chunks = [];
  const stream = new Writable({
    write: (chunk, _, done) => {
      chunks.push(chunk);
      done();
    },
  });
  return Object.assign(stream, { fd: descriptor, text: () => Buffer.concat(chunks).toString() });
}

const EVENTS = ['exit', 'uncaughtException', 'unhandledRejection', 'SIGINT', 'SIGTERM', 'SIGHUP'];
const UMASK = process.umask();
const answer = process.send.bind(process);
// A command that finds it takes its caller for a supervisor.
delete process.send;

/** The command whose code runs: a timer of an earlier command neither ends nor writes to a later one. */
const current = new AsyncLocalStorage();
process.exit = (code) => current.getStore()?.exit(code);
for (const name of ['stdout', 'stderr']) {
  const own = process[name];
  Object.defineProperty(process, name, { get: () => current.getStore()?.[name] ?? own });
}

async function run({ folder, args, env }) {
  for (const name of Object.keys(process.env)) if (!Object.hasOwn(env, name)) delete process.env[name];
  Object.assign(process.env, env);
  process.chdir(folder);
  process.argv = [process.execPath, fileURLToPath(MAIN), ...args];
  process.exitCode = undefined;
  const listening = new Map(EVENTS.map((event) => [event, process.listeners(event)]));
  const [stdout, stderr] = [captured(1), captured(2)];
  const command = { stdout, stderr, exit: () => undefined };
  await new Promise((resolve, reject) => {
    command.exit = (code) => {
      process.exitCode = code ?? process.exitCode;
      resolve();
    };
    void current.run(command, () => new Program().run(MAIN).then(resolve, reject));
  });
  const code = process.exitCode ?? 0;
  for (const event of EVENTS) {
    const added = process.listeners(event).filter((listener) => !listening.get(event).includes(listener));
    for (const listener of added) {
      process.removeListener(event, listener);
      if (event === 'exit') current.run(command, () => listener(code));
    }
  }
  const ended = { code: process.exitCode ?? 0, stdout: stdout.text(), stderr: stderr.text() };
  process.umask(UMASK);
  process.chdir('/');
  return ended;
}

process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
let before = Promise.resolve();
process.on('message', (request) => {
  before = answerAfter(before, request);
});

async function answerAfter(earlier, { number, command }) {
  await earlier;
  answer({ number, ended: await run(command) });
}
