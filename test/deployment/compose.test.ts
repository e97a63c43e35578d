import { describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { readFileSync, statSync } from 'node:fs';
import { parse } from 'yaml';
import { PORTS_CLOSED_TO_BROWSERS } from '../../workers/temporal/hidden-ports.js';
import { serverArguments } from '../../workers/temporal/server.js';
import {
  CHANGEABLE,
  type ComposeService,
  excessOf,
  isJob,
  readComposeFile,
  ROOT,
  SECRET,
  valueOf,
} from './compose-file.js';
import { z } from 'zod';
import { readJsonFile } from '../support/json.js';

const { services, volumes } = readComposeFile();
const entries = Object.entries(services);
const Prometheus = z.object({
  scrape_configs: z.array(z.object({ static_configs: z.array(z.object({ targets: z.array(z.string()) })) })),
});
const NO_PORTS = { port: 0, httpPort: 0, metricsPort: 0, ui: null };

test('docker-compose.yml is a compose file by the schema that Docker Compose carries', () => {
  const schema = readJsonFile(
    new URL('test/fixtures/compose-spec/compose-spec.json', ROOT),
    z.looseObject({}),
  );
  // "duration" is no format of JSON Schema; Docker Compose does not check it by the schema either.
  const ajv = new Ajv2020({ strict: false, allErrors: true, formats: { duration: true, path: true } });
  const validate = ajv.compile(schema);
  const file: unknown = parse(readFileSync(new URL('docker-compose.yml', ROOT), 'utf8'), { merge: true });
  expect(validate(file) ? [] : validate.errors).toEqual([]);
  // The schema can refuse a file.
  expect(validate({ services: { postgres: { imagee: 'postgres' } } })).toBe(false);
});

test('it has every part of the topology', () => {
  expect(Object.keys(services)).toEqual(
    expect.arrayContaining([
      'postgres',
      'objects',
      'temporal',
      'temporal-ui',
      'web-ui',
      'temporal-schema',
      'temporal-namespace',
      'database',
      'worker-cpu',
      'worker-gpu',
    ]),
  );
});

test.each(entries)('%s: every published port is on loopback', (_name, { ports = [] }) => {
  for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
});

test('the web UI is reached through the guard only, and Temporal has no HTTP API', () => {
  const ui = services['temporal-ui']!;
  expect(ui).not.toHaveProperty('ports');
  const port = ui.environment!['TEMPORAL_UI_PORT'];
  expect(PORTS_CLOSED_TO_BROWSERS).toContain(Number(port));
  expect(ui.healthcheck!.test.at(-1)).toContain(`:${port}/`);
  expect(services['web-ui']!.command).toEqual(['web-ui', `temporal-ui:${port}`, '--listen', '0.0.0.0:8080']);
  const temporal = services['temporal']!;
  expect(temporal.environment!['FRONTEND_HTTP_PORT']).toBe('0');
  const dynamic = z
    .looseObject({})
    .parse(parse(readFileSync(new URL('compose/temporal-dynamic-config.yaml', ROOT), 'utf8')));
  const [, words] = /^frontend\.httpAllowedHosts=(.*)$/m.exec(serverArguments('', NO_PORTS, []).join('\n'))!;
  expect(dynamic['frontend.httpAllowedHosts']).toEqual([{ value: JSON.parse(words!) }]);
});

test('docs/security.md lists every port that is published, and that of each service of ours', () => {
  const page = readFileSync(new URL('docs/security.md', ROOT), 'utf8');
  const rows = [...page.matchAll(/^\| `([\w-]+…?)` +\| (\d+), published +\|/gm)];
  const published = entries.flatMap(([name, { ports = [] }]) =>
    ports.map((port) => `${name} ${port.split(':').at(-1)}`),
  );
  expect(new Set(rows.map(([, name, port]) => `${name} ${port}`))).toEqual(new Set(published));
  for (const [, { command = [] }] of entries.filter(([name]) => name.startsWith('worker-'))) {
    const port = command[command.indexOf('--listen') + 1];
    expect(page).toMatch(new RegExp(`^\\| .worker-….+ \\| ${port} of 127\\.0\\.0\\.1`, 'm'));
  }
});

describe('secrets', () => {
  const example = readFileSync(new URL('.env.example', ROOT), 'utf8');
  const offered = [...example.matchAll(/^([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(([, name, value]) => ({
    name,
    value,
  }));
  const text = readFileSync(new URL('docker-compose.yml', ROOT), 'utf8');

  const used = [...text.matchAll(/\$\{([^}]*)\}/g)].map(([whole]) => whole);

  test('no secret has a default, and .env.example names each without a value', () => {
    const needed = used.filter((variable) => !CHANGEABLE.test(variable));
    for (const variable of needed) expect(variable).toMatch(SECRET);
    const names = new Set(needed.map((variable) => SECRET.exec(variable)![1]!));
    // compose/images.sh writes this variable.
    expect(names.delete('PANIC_TDA_TAG')).toBe(true);
    expect(new Set(offered.map(({ name }) => name))).toEqual(names);
    for (const { value } of offered) expect(value).toBe('');
  });

  test('.env.example lists each setting that has a default, with the default', () => {
    const told = [...example.matchAll(/^# ([A-Z][A-Z0-9_]*)=(.+)$/gm)].map(([, name, value]) => [
      name,
      value,
    ]);
    const defaults = used.flatMap((variable) => {
      const [, name, value] = CHANGEABLE.exec(variable) ?? [];
      return name === undefined ? [] : [`${name}=${value}`];
    });
    expect(defaults.length).toBeGreaterThan(0);
    expect(new Set(told.map((pair) => pair.join('=')))).toEqual(new Set(defaults));
  });

  test.each(entries)(
    '%s: a variable with the name of a secret is one',
    (_name, { environment = {}, command = [] }) => {
      for (const [name, value] of Object.entries(environment)) {
        if (/PASSWORD|PWD|SECRET|ACCESS_KEY|TOKEN/.test(name)) expect(value).toMatch(SECRET);
        // A URL that contains a password.
        expect(value).not.toMatch(/:\/\/[^/@]*:[^/@]*@/);
      }
      for (const word of command) expect(word).not.toContain('${');
    },
  );

  test('git and images leave .env out', () => {
    expect(readFileSync(new URL('.gitignore', ROOT), 'utf8').split('\n')).toContain('.env');
    expect(readFileSync(new URL('.dockerignore', ROOT), 'utf8')).toMatch(/^\*$/m);
  });
});

test.each(entries)('%s: its image is pinned to one version and digest', (_name, { image, build }) => {
  if (build !== undefined) expect(image).toMatch(/^panic-tda(-cuda)?:\$\{PANIC_TDA_TAG:\?[^}]+\}$/);
  else expect(image).toMatch(/^[a-z/-]+:v?\d+\.\d+[\w.-]*@sha256:[0-9a-f]{64}$/);
});

const MEBIBYTES: Readonly<Record<string, number>> = { m: 1, g: 1024 };

function mebibytes(size: string): number {
  const [, figure, unit = ''] = /^(\d+)([mg])$/.exec(valueOf(size)) ?? [];
  return Number(figure) * MEBIBYTES[unit]!;
}

describe('limits', () => {
  test.each(entries)(
    '%s: has a limit of memory without swap, processor time, processes and files',
    (_name, service) => {
      expect(mebibytes(service.mem_limit!)).toBeGreaterThan(0);
      expect(service.memswap_limit).toBe(service.mem_limit);
      expect(Number(valueOf(service.cpus!))).toBeGreaterThan(0);
      expect(service.pids_limit).toBeGreaterThan(0);
      expect(service.ulimits).toEqual({ nofile: 65_536, core: 0 });
      for (const folder of service.tmpfs!) expect(folder).toMatch(/^\/[a-z/]+:size=\d+m$/);
    },
  );

  test('the files that a container keeps in memory fit beside its processes', () => {
    for (const [name, { mem_limit, shm_size, tmpfs = [] }] of entries) {
      const sizes = [
        ...tmpfs.map((folder) => folder.split('=')[1]!),
        ...(shm_size === undefined ? [] : [shm_size]),
      ];
      const files = sizes.map(mebibytes).reduce((sum, size) => sum + size, 0);
      expect([name, files <= mebibytes(mem_limit!) / 4]).toEqual([name, true]);
    }
  });

  test('docs/docker.md lists each limit with a default, and their sum', () => {
    const page = readFileSync(new URL('docs/docker.md', ROOT), 'utf8');
    const always = entries.filter(
      ([, { profiles, ...service }]) => profiles === undefined && !isJob(service),
    );
    for (const [name, { mem_limit, cpus }] of always) {
      const memory = valueOf(mem_limit!).replace('g', ' GiB');
      expect(page).toMatch(new RegExp(`^\\| \`${name}\`.* ${memory} .*\\| ${valueOf(cpus!)} `, 'm'));
    }
    const sum = always.reduce((sum, [, { mem_limit }]) => sum + mebibytes(mem_limit!), 0) / 1024;
    expect(page).toContain(`**${sum} GiB**`);
  });

  test('Temporal collects its garbage before it reaches its limit', () => {
    const { mem_limit, environment } = services['temporal']!;
    const [, figure] = /^(\d+)MiB$/.exec(valueOf(environment!['GOMEMLIMIT']!)) ?? [];
    expect(Number(figure) / mebibytes(mem_limit!)).toBeCloseTo(0.9, 1);
  });
});

test.each(entries.filter(([, service]) => !isJob(service)))(
  '%s: has a health check, and is started again',
  (_name, { healthcheck, restart }) => {
    expect(healthcheck?.test[0]).toBe('CMD');
    expect(restart).toBe('unless-stopped');
  },
);

test('a container that needs a job waits for its success, and one that needs a service for its health', () => {
  for (const [, { depends_on = {} }] of entries) {
    for (const [needed, { condition }] of Object.entries(depends_on)) {
      const service = services[needed]!;
      expect([needed, condition]).toEqual([
        needed,
        isJob(service) ? 'service_completed_successfully' : 'service_healthy',
      ]);
    }
  }
});

test.each(['worker-cpu', 'worker-gpu', 'worker-gpu-1'])(
  '%s starts after tables, namespace, search attributes and bucket are there',
  (name) => {
    expect([...neededBy(name)]).toEqual(
      expect.arrayContaining([
        'postgres',
        'database',
        'temporal-schema',
        'temporal',
        'temporal-namespace',
        'objects-bucket',
        'objects',
      ]),
    );
  },
);

/** Everything that a service waits for, directly or indirectly. */
function neededBy(name: string): Set<string> {
  const found = new Set<string>();
  const visit = (service: string, path: readonly string[]): void => {
    if (path.includes(service)) throw new Error([...path, service].join(' waits for '));
    for (const needed of Object.keys(services[service]?.depends_on ?? {})) {
      found.add(needed);
      visit(needed, [...path, service]);
    }
  };
  visit(name, []);
  return found;
}

test('volumes have names; files that are mounted from the repository exist, and are read only', () => {
  for (const [, { volumes: mounts = [] }] of entries) {
    for (const mount of mounts) {
      const folder = /^\$\{BACKUP_FOLDER:-[^}]+\}/.exec(mount)?.[0];
      const [source = '', target = '', mode] =
        folder === undefined ? mount.split(':') : [folder, ...mount.slice(folder.length + 1).split(':')];
      expect(target).toMatch(/^\//);
      if (folder !== undefined) expect(target).toBe('/backup');
      else if (!source.startsWith('./')) expect(Object.keys(volumes)).toContain(source);
      else {
        expect(mode).toBe('ro');
        expect(
          statSync(new URL(source, ROOT)).isFile() || statSync(new URL(source, ROOT)).isDirectory(),
        ).toBe(true);
      }
    }
  }
});

test('each GPU has a container of its own, by NVIDIA reservation', () => {
  const devices = entries.flatMap(([, { deploy }]) => deploy?.resources.reservations.devices ?? []);
  expect(devices.map(({ device_ids }) => device_ids)).toEqual([['0'], ['1']]);
  for (const { driver, capabilities } of devices) {
    expect({ driver, capabilities }).toEqual({ driver: 'nvidia', capabilities: ['gpu'] });
  }
});

/** The variables of .env that a service gets. */
function secretsOf(name: string): string[] {
  return Object.values(services[name]!.environment ?? {}).flatMap((value) => SECRET.exec(value)?.[1] ?? []);
}

function holders(secret: string): string[] {
  return entries.map(([name]) => name).filter((name) => secretsOf(name).includes(secret));
}

/** The services that share a network with a service; all workers under one name. */
function neighbours(name: string): Set<string> {
  const own = services[name]!.networks ?? [];
  const others = entries.filter(
    ([other, { networks = [] }]) => other !== name && networks.some((network) => own.includes(network)),
  );
  return new Set(others.map(([other]) => other.replace(/^worker-.*/, 'worker')));
}

describe('what a container may do', () => {
  /** These jobs give a new folder to the users of the services, and have no network. */
  const exceptions: Readonly<Record<string, readonly string[]>> = {
    'objects-bucket': ['CHOWN', 'DAC_OVERRIDE'],
    'backup-folder': ['CHOWN', 'DAC_OVERRIDE'],
  };

  test.each(entries)('%s: no more than it needs', (name, service) => {
    expect(excessOf(service, exceptions[name])).toEqual([]);
  });

  test.each<[Partial<ComposeService>, string]>([
    [{ cap_drop: undefined }, 'keeps capabilities'],
    [{ cap_drop: ['NET_RAW'] }, 'keeps capabilities'],
    [{ cap_add: ['SYS_ADMIN'] }, 'is granted SYS_ADMIN'],
    [{ security_opt: undefined }, 'may get more rights by setuid programs'],
    [{ read_only: undefined }, 'can write to its image'],
    [{ privileged: true }, 'is privileged'],
    [{ user: '0:0' }, 'runs as root, or as the user of an image'],
    [{ user: undefined }, 'runs as root, or as the user of an image'],
    [{ network_mode: 'host' }, 'is on the network of the machine'],
    [{ networks: undefined }, 'is on the network of all'],
    [{ volumes: ['/var/run/docker.sock:/var/run/docker.sock'] }, 'has a folder of the machine'],
  ])('a worker with %j is refused', (change, excess) => {
    expect(excessOf({ ...services['worker-cpu'], ...change })).toEqual([excess]);
  });

  test('workers have accounts of their own at the database and the S3 service, and no other', () => {
    const own = new Set(['PANIC_TDA_APP_PASSWORD', 'S3_WORKER_ACCESS_KEY', 'S3_WORKER_SECRET_KEY']);
    for (const name of ['worker-cpu', 'worker-gpu', 'worker-gpu-1'])
      expect(new Set(secretsOf(name))).toEqual(own);
  });

  test('the keys of an owner are with the jobs and the services that need them', () => {
    expect(holders('S3_ROOT_SECRET_KEY')).toEqual(['objects', 'objects-account']);
    expect(holders('PANIC_TDA_OWNER_PASSWORD')).toEqual(['postgres', 'database', 'backup-database']);
    expect(holders('POSTGRES_PASSWORD')).toEqual(['postgres', 'restore-database']);
    expect(holders('TEMPORAL_DB_PASSWORD')).toEqual(['postgres', 'temporal-schema', 'temporal']);
  });

  test('a service is only on the networks of the services that it calls, and that call it', () => {
    expect(neighbours('postgres')).toEqual(
      new Set(['temporal-schema', 'temporal', 'database', 'worker', 'backup-database', 'restore-database']),
    );
    expect(neighbours('objects')).toEqual(
      new Set(['objects-account', 'worker', 'backup', 'restore-objects']),
    );
    expect(neighbours('prometheus')).toEqual(new Set(['worker', 'metrics-ui']));
    expect(neighbours('metrics-ui')).toEqual(new Set(['prometheus']));
    expect(neighbours('temporal-ui')).toEqual(
      new Set(['temporal', 'temporal-namespace', 'web-ui', 'worker']),
    );
    expect(neighbours('web-ui')).toEqual(new Set(['temporal-ui']));
  });

  test('the Temporal server, which has an address on each of its networks, sets the address by which its parts find each other', () => {
    expect(services['temporal']).toMatchObject({
      networks: ['database', 'workflows'],
      environment: { TEMPORAL_BROADCAST_ADDRESS: '127.0.0.1' },
    });
  });

  test('the web UI, which has no log-in, starts on request only', () => {
    for (const name of ['temporal-ui', 'web-ui']) {
      expect(services[name]!.profiles).toEqual(['ui']);
      const asking = entries.filter(([, { depends_on: needed = {} }]) => name in needed);
      expect(asking.map(([asker]) => asker)).toEqual(name === 'web-ui' ? [] : ['web-ui']);
    }
  });

  test('a container that shares the network of a worker uses only its metrics, and is on no other network', () => {
    for (const [name, { network_mode: mode, ...service }] of entries) {
      const worker = /^service:(.+)$/.exec(mode ?? '')?.[1];
      if (worker === undefined) continue;
      expect([name, service.entrypoint]).toEqual([
        `metrics-${worker}`,
        ['node', '/compose/worker-metrics.mjs'],
      ]);
      expect(service).not.toHaveProperty('ports');
      expect(secretsOf(name)).toEqual([]);
      expect(Object.keys(service.depends_on!)).toEqual([worker]);
    }
  });

  test.each(['metrics', 'backup', 'restore'])('no other container needs one of the profile %s', (profile) => {
    const own = entries
      .filter(([, { profiles }]) => profiles?.includes(profile) === true)
      .map(([name]) => name);
    expect(own.length).toBeGreaterThan(0);
    for (const [name, { depends_on: needed = {} }] of entries) {
      if (own.includes(name)) continue;
      expect([name, Object.keys(needed).filter((one) => own.includes(one))]).toEqual([name, []]);
    }
  });

  test('Prometheus asks each worker that has such a container, and is reached through the guard only', () => {
    const { scrape_configs: jobs } = Prometheus.parse(
      parse(readFileSync(new URL('compose/prometheus.yml', ROOT), 'utf8')),
    );
    const targets = jobs.flatMap(({ static_configs: configs }) => configs.flatMap(({ targets }) => targets));
    const workers = entries.flatMap(
      ([, { network_mode: mode = '' }]) => /^service:(.+)$/.exec(mode)?.[1] ?? [],
    );
    expect(targets).toEqual(workers.map((worker) => `${worker}:9465`));
    expect(services['prometheus']).not.toHaveProperty('ports');
    expect(services['metrics-ui']).toMatchObject({
      command: ['web-ui', 'prometheus:9090', '--listen', '0.0.0.0:9090'],
      ports: ['127.0.0.1:9090:9090'],
    });
  });

  test('the port that makes accounts at the S3 service is not published', () => {
    const { command = [], ports } = services['objects']!;
    expect(command[command.indexOf('--admin-port') + 1]).toBe(':7071');
    expect(ports).toEqual(['127.0.0.1:7070:7070']);
  });
});
