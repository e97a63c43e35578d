import { writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { isPanicError } from '../../common/errors.js';
import { childEnvironment, type ChildKind, type ChildOptions } from '../../common/child-environment.js';
import { databaseVariables } from '../../workers/settings/database.js';
import { deviceVariables } from '../../workers/settings/devices.js';
import { readEnvironment } from '../../workers/settings/environment.js';
import { hubAccess } from '../../workers/settings/hub-access.js';
import { secretsOf } from '../../workers/settings/secret-values.js';
import {
  configuredTemporal,
  temporalServerEnvironment,
  workerTemporal,
} from '../../workers/settings/temporal.js';
import { environmentVariables } from '../../workers/settings/variables.js';
import { memoryMiB } from '../../workers/settings/memory-text.js';
import { temporaryFolder } from '../support/temporary-folder.js';

describe('our own variables', () => {
  test('have defaults below the current folder and the cache folder of the user', () => {
    expect(readEnvironment({})).toEqual({
      dataFolder: resolve('panic-tda-data'),
      database: null,
      objects: null,
      cacheFolder: join(homedir(), '.cache', 'panic-tda'),
      modelsFolder: join(homedir(), '.cache', 'panic-tda', 'models'),
      catalogueFile: undefined,
      temporalCli: undefined,
      deviceSettings: {
        device: 'auto',
        allowFallback: false,
        gpuMemoryMiB: null,
        ramMiB: null,
        callSeconds: 21_600,
        loadSeconds: 7200,
      },
      fault: undefined,
      testModels: false,
      activityMs: 10_000,
      httpNames: [],
      shareWithGroup: false,
      servers: { hosts: [], apiKey: undefined },
      searchPath: [],
      problems: [],
    });
  });

  test('are made absolute, and models follow the cache', () => {
    const read = readEnvironment({
      PANIC_TDA_DATA: 'here',
      PANIC_TDA_CACHE: '/c',
      PANIC_TDA_TEMPORAL_CLI: 'bin/temporal',
    });
    expect(read.dataFolder).toBe(resolve('here'));
    expect(read.modelsFolder).toBe('/c/models');
    expect(read.temporalCli).toBe(resolve('bin/temporal'));
  });

  test('count as unset when they are empty', () => {
    const empty = Object.fromEntries(environmentVariables.map(({ name }) => [name, '']));
    expect(readEnvironment(empty)).toEqual(readEnvironment({}));
  });

  test('the cache follows XDG_CACHE_HOME, unless that is relative, which its specification calls invalid', () => {
    expect(readEnvironment({ XDG_CACHE_HOME: '/x' }).cacheFolder).toBe('/x/panic-tda');
    expect(readEnvironment({ XDG_CACHE_HOME: 'x' }).cacheFolder).toBe(readEnvironment({}).cacheFolder);
  });

  test('a misspelt one is reported with the one that was meant', () => {
    expect(readEnvironment({ PANIC_TDA_DATE: 'x' }).problems).toEqual([
      'PANIC_TDA_DATE is not a variable of panic-tda; did you mean PANIC_TDA_DATA?',
    ]);
    expect(readEnvironment({ PANIC_TDA_QQQQQQQQQQQQQ: 'x' }).problems[0]).toContain(
      'known are PANIC_TDA_DATA',
    );
  });

  test('a value without a meaning is reported with what is allowed', () => {
    expect(readEnvironment({ PANIC_TDA_TEST_MODELS: 'yes' }).problems).toEqual([
      'PANIC_TDA_TEST_MODELS is "yes"; it can be 0 or 1.',
    ]);
    expect(readEnvironment({ PANIC_TDA_ACTIVITY_MS: '1e3' }).problems).toEqual([
      'PANIC_TDA_ACTIVITY_MS is "1e3"; it can be a whole number from 0 to 999999.',
    ]);
  });

  test('files are shared with their group by a switch', () => {
    expect(readEnvironment({ PANIC_TDA_SHARE_WITH_GROUP: '1' }).shareWithGroup).toBe(true);
    expect(readEnvironment({ PANIC_TDA_SHARE_WITH_GROUP: 'yes' }).problems).toEqual([
      'PANIC_TDA_SHARE_WITH_GROUP is "yes"; it can be 0 or 1.',
    ]);
  });

  test('the device, the memory and the time of models are read, and passed to child processes in the same form', () => {
    const variables = {
      PANIC_TDA_DEVICE: 'cuda',
      PANIC_TDA_ALLOW_FALLBACK: '1',
      PANIC_TDA_GPU_MEMORY: '20GiB',
      PANIC_TDA_RAM: '1.5 GiB',
      PANIC_TDA_CALL_SECONDS: '90',
      PANIC_TDA_LOAD_SECONDS: '86400',
    };
    const { deviceSettings } = readEnvironment(variables);
    expect(deviceSettings).toEqual({
      device: 'cuda',
      allowFallback: true,
      gpuMemoryMiB: 20480,
      ramMiB: 1536,
      callSeconds: 90,
      loadSeconds: 86_400,
    });
    expect(readEnvironment(deviceVariables(deviceSettings)).deviceSettings).toEqual(deviceSettings);
    const { deviceSettings: defaults } = readEnvironment({});
    expect(readEnvironment(deviceVariables(defaults)).deviceSettings).toEqual(defaults);
  });

  test('a device or a memory without a meaning is reported with what is allowed', () => {
    const { problems } = readEnvironment({
      PANIC_TDA_DEVICE: 'gpu',
      PANIC_TDA_ALLOW_FALLBACK: 'yes',
      PANIC_TDA_GPU_MEMORY: '20',
      PANIC_TDA_RAM: '0GiB',
      PANIC_TDA_CALL_SECONDS: '0',
      PANIC_TDA_LOAD_SECONDS: '86401',
    });
    expect(problems).toEqual([
      'PANIC_TDA_DEVICE is "gpu"; it can be auto, cuda, webgpu, cpu.',
      'PANIC_TDA_ALLOW_FALLBACK is "yes"; it can be 0 or 1.',
      'PANIC_TDA_GPU_MEMORY is "20"; it can be a number of MiB or GiB, such as 6000MiB or 7.5GiB.',
      'PANIC_TDA_RAM is "0GiB"; it can be a number of MiB or GiB, such as 6000MiB or 7.5GiB.',
      'PANIC_TDA_CALL_SECONDS is "0"; it can be a whole number from 1 to 86400.',
      'PANIC_TDA_LOAD_SECONDS is "86401"; it can be a whole number from 1 to 86400.',
    ]);
  });

  test.each([
    ['6000MiB', 6000],
    ['7.5GiB', 7680],
    ['8 GiB', 8192],
    ['8GB', undefined],
    ['-1GiB', undefined],
    ['', undefined],
  ])('a memory of "%s" is %p MiB', (text, mib) => {
    expect(memoryMiB(text)).toBe(mib);
  });

  test('folders of PATH that depend on the current folder are not searched', () => {
    expect(readEnvironment({ PATH: '/a::relative:/b' }).searchPath).toEqual(['/a', '/b']);
  });
});

/** The place `s3://pictures`, with these variables. */
function inPictures(variables: Record<string, string>) {
  return readEnvironment({ PANIC_TDA_OBJECTS: 's3://pictures', ...variables }).objects;
}

describe('the place of objects', () => {
  const amazon = { endpoint: undefined, region: undefined, pathStyle: false };

  test.each([
    ['s3://pictures', { kind: 's3', bucket: 'pictures', prefix: '', service: amazon }],
    ['s3://pictures/', { kind: 's3', bucket: 'pictures', prefix: '', service: amazon }],
    [
      's3://my.pictures-1/lab/of_two/',
      { kind: 's3', bucket: 'my.pictures-1', prefix: 'lab/of_two', service: amazon },
    ],
    ['/mnt/objects', { kind: 'folder', path: '/mnt/objects' }],
    ['objects', { kind: 'folder', path: resolve('objects') }],
    ['./s3:/objects', { kind: 'folder', path: resolve('s3:/objects') }],
    ['/mnt/objects of #1 (50 %)', { kind: 'folder', path: '/mnt/objects of #1 (50 %)' }],
  ])('"%s" is understood', (text, place) => {
    expect(readEnvironment({ PANIC_TDA_OBJECTS: text })).toMatchObject({ objects: place, problems: [] });
  });

  test.each([
    's3:// ',
    's3://',
    's3://UPPER',
    's3://ab',
    's3://bucket//twice',
    's3://bucket/a/../b',
    's3://bucket/a?versionId=1',
    'gs://bucket',
    'https://bucket.s3.amazonaws.com/',
    ' s3://lab/pictures',
    's3://lab/pictures ',
    's3:/lab/pictures',
    's3:lab/pictures',
    's3//lab/pictures',
    's3:///lab/pictures',
    'S3://lab/pictures',
    'file:/mnt/objects',
    ' /mnt/objects',
    '   ',
    '~/objects',
  ])('"%s" is reported with what is allowed', (text) => {
    const { objects, problems } = readEnvironment({ PANIC_TDA_OBJECTS: text });
    expect(objects).toBeNull();
    const [said, reason] = [problems[0]!, /(?:: it [^;]+)?; /];
    expect(problems).toHaveLength(1);
    expect(said.replace(reason, '; ')).toBe(
      `PANIC_TDA_OBJECTS: "${text}" is no place for objects; it can be s3://BUCKET, s3://BUCKET/PREFIX, or a folder.`,
    );
  });

  test('has the service of the variables of AWS; one of your own is asked by paths, and needs no region', () => {
    expect(inPictures({ AWS_REGION: 'eu-west-1' })).toMatchObject({
      service: { ...amazon, region: 'eu-west-1' },
    });
    const own = { endpoint: 'http://s3:9000', region: 'us-east-1', pathStyle: true };
    expect(inPictures({ AWS_ENDPOINT_URL: 'http://s3:9000' })).toMatchObject({ service: own });
    expect(inPictures({ AWS_ENDPOINT_URL_S3: 'http://s3:9000', AWS_ENDPOINT_URL: 'http://x' })).toMatchObject(
      {
        service: own,
      },
    );
    expect(inPictures({ AWS_ENDPOINT_URL_S3: 'http://s3:9000', PANIC_TDA_S3_PATH_STYLE: '0' })).toMatchObject(
      {
        service: { ...own, pathStyle: false },
      },
    );
    expect(
      inPictures({ AWS_ENDPOINT_URL: 'http://s3:9000', AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' }),
    ).toMatchObject({ service: amazon });
  });

  test.each([
    [{ AWS_ENDPOINT_URL_S3: 's3:9000' }, /AWS_ENDPOINT_URL_S3 is "s3:9000"; it can be a URL/],
    [{ PANIC_TDA_S3_PATH_STYLE: 'yes' }, /PANIC_TDA_S3_PATH_STYLE is "yes"; it can be 0 or 1/],
    [{ AWS_ENDPOINT_URL_S3: 'http://me:hush@s3:9000' }, /^(?!.*hush).*belong into AWS_ACCESS_KEY_ID/],
  ])('is refused with an invalid service: %j', (variables, words) => {
    const { problems } = readEnvironment({ PANIC_TDA_OBJECTS: 's3://pictures', ...variables });
    expect(problems).toEqual([expect.stringMatching(words)]);
  });
});

describe('a path', () => {
  const PATHS = ['DATA', 'CACHE', 'MODELS', 'CATALOGUE', 'ROUTES', 'TEMPORAL_CLI'].map(
    (name) => `PANIC_TDA_${name}`,
  );

  test.each(PATHS)('in %s is refused if it would name another folder than the user meant', (name) => {
    for (const text of ['  ', ' /srv/x', ' ~/x', '~/x', '~', 'file:///srv/x', 's3://lab/x', 'http:/lab/x']) {
      expect([text, readEnvironment({ [name]: text }).problems]).toEqual([
        text,
        [expect.stringMatching(new RegExp(`^${name} (is|begins with) .*: "`))],
      ]);
    }
  });

  test.each(PATHS)('in %s is taken as it is, whatever characters it has', (name) => {
    for (const text of [
      '/srv/set #1',
      '/srv/50%25 ?x',
      "/srv/it's",
      '/srv/a\nb',
      '/srv/x ',
      './~',
      './s3:/x',
    ]) {
      expect(readEnvironment({ [name]: text }).problems).toEqual([]);
    }
    expect(readEnvironment({ PANIC_TDA_DATA: '/srv/set #1 50%25 ?x ' }).dataFolder).toBe(
      '/srv/set #1 50%25 ?x ',
    );
  });
});

describe('an address of the Temporal service', () => {
  test.each([
    ' localhost:7233',
    'localhost:7233 ',
    'http://localhost:7233',
    'http:/localhost:7233',
    'localhost:7233/',
    'localhost:',
    'localhost:x',
    'me@localhost:7233',
    '::1:7233',
    'localhost:0',
    'localhost:65536',
    '[::1]:99999',
  ])('"%s" is refused, for clients and for workers', (address) => {
    const words = `is "${address}" (TEMPORAL_ADDRESS, or a profile); it can be HOST:PORT`;
    expect(() => configuredTemporal({ TEMPORAL_ADDRESS: address })).toThrow(words);
    expect(() => workerTemporal('127.0.0.1:1', { TEMPORAL_ADDRESS: address })).toThrow(words);
  });

  test.each([
    'localhost:7233',
    'localhost',
    '[::1]:7233',
    'a.b-c.example:7233',
    'localhost:1',
    'localhost:65535',
  ])('"%s" is taken', (address) => {
    expect(configuredTemporal({ TEMPORAL_ADDRESS: address })?.connectionOptions.address).toBe(address);
  });

  test('with a namespace of white space is refused', () => {
    const variables = { TEMPORAL_ADDRESS: 'localhost:7233', TEMPORAL_NAMESPACE: ' lab' };
    expect(() => configuredTemporal(variables)).toThrow(/namespace of the Temporal service is " lab"/);
  });
});

test.each(['http://gpu.lan', 'gpu.lan:9464', '*.lan', '.lan', 'gpu lan', '[::1]'])(
  'an invalid name for our HTTP ports is reported: %s',
  (name) => {
    expect(readEnvironment({ PANIC_TDA_HTTP_NAMES: `gpu-1.lan, ${name}` }).problems).toEqual([
      `PANIC_TDA_HTTP_NAMES has "${name}"; it can be host names without a port, such as gpu-1.lan, with commas between.`,
    ]);
    expect(readEnvironment({ PANIC_TDA_HTTP_NAMES: 'GPU-1.lan, 10.0.0.7,::1' })).toMatchObject({
      httpNames: ['gpu-1.lan', '10.0.0.7', '::1'],
      problems: [],
    });
  },
);

test.each(['http://gpu:8000', 'gpu:8000/v1', 'me@gpu'])(
  'an invalid host of model servers is reported: %s',
  (host) => {
    expect(readEnvironment({ PANIC_TDA_SERVER_HOSTS: `gpu-1, ${host}` })).toMatchObject({
      problems: [`PANIC_TDA_SERVER_HOSTS has "${host}"; it can be names or name:port, with commas between.`],
    });
    expect(readEnvironment({ PANIC_TDA_SERVER_HOSTS: 'gpu-1, gpu-2:80' }).servers.hosts).toEqual([
      'gpu-1',
      'gpu-2:80',
    ]);
  },
);

test.each(['http:/hub.example', 'https:hub.example', 'http:///hub.example', 'http://hub example'])(
  'an address with a slash too few or too many, or a blank, is no URL: %s',
  (url) => {
    expect(() => hubAccess({ HF_ENDPOINT: url })).toThrow(/it can be a URL such as/);
    expect(() => hubAccess({ HTTPS_PROXY: url })).toThrow(/names a proxy that cannot be used/);
    const { problems } = readEnvironment({ PANIC_TDA_OBJECTS: 's3://pictures', AWS_ENDPOINT_URL_S3: url });
    expect(problems).toEqual([expect.stringMatching(/it can be a URL such as/)]);
  },
);

describe('the model hub', () => {
  test('is that of HF_ENDPOINT, without a slash at its end, and by default the usual one', () => {
    expect(hubAccess({})).toEqual({ endpoint: 'https://huggingface.co', token: undefined });
    expect(hubAccess({ HF_ENDPOINT: 'http://mirror:8080/', HF_TOKEN: ' t ' })).toEqual({
      endpoint: 'http://mirror:8080',
      token: 't',
    });
    expect(() => hubAccess({ HF_ENDPOINT: 'mirror' })).toThrow(/HF_ENDPOINT is "mirror"; it can be a URL/);
  });

  test('is reached by the proxies that the usual variables name', () => {
    expect(hubAccess({ https_proxy: 'http://p:1', HTTPS_PROXY: 'http://q:2' }).proxies).toEqual({
      http: '',
      https: 'http://p:1',
      except: '',
    });
    expect(
      hubAccess({ ALL_PROXY: 'p.example:3128', HTTP_PROXY: 'http://q', no_proxy: 'a,b' }).proxies,
    ).toEqual({ http: 'http://q', https: 'http://p.example:3128', except: 'a,b' });
    expect(hubAccess({ NO_PROXY: 'a', HTTPS_PROXY: ' ' })).not.toHaveProperty('proxies');
    expect(() => hubAccess({ all_proxy: 'socks5://user:secret@p' })).toThrow(
      /^ALL_PROXY names a proxy that cannot be used; it can be a URL such as http:\/\/proxy.example:3128/,
    );
  });
});

describe('a configured Temporal service', () => {
  const nothing = { TEMPORAL_CONFIG_FILE: '/does/not/exist' };

  test('is undefined without an address, which means the embedded server', () => {
    expect(configuredTemporal(nothing)).toBeUndefined();
    expect(
      configuredTemporal({ ...nothing, TEMPORAL_NAMESPACE: 'mine', TEMPORAL_ADDRESS: '' }),
    ).toBeUndefined();
  });

  test('is taken from TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE', () => {
    const configured = configuredTemporal({
      ...nothing,
      TEMPORAL_ADDRESS: 'example:7233',
      TEMPORAL_NAMESPACE: 'mine',
    });
    expect(configured?.connectionOptions.address).toBe('example:7233');
    expect(configured?.namespace).toBe('mine');
  });

  test('of a worker is on this machine where none is configured, with the rest as configured', () => {
    const { connectionOptions, namespace } = workerTemporal('127.0.0.1:7233', {
      ...nothing,
      TEMPORAL_ADDRESS: '',
      TEMPORAL_NAMESPACE: 'mine',
    });
    expect(connectionOptions).toMatchObject({ address: '127.0.0.1:7233' });
    expect(namespace).toBe('mine');
  });

  test('takes empty variables as unset, so that an empty key does not turn TLS on', () => {
    const configured = configuredTemporal({
      ...nothing,
      TEMPORAL_ADDRESS: 'example:7233',
      TEMPORAL_API_KEY: '',
      TEMPORAL_TLS_SERVER_NAME: '',
    });
    expect(configured?.connectionOptions).toMatchObject({ apiKey: undefined, tls: undefined });
  });

  test("is taken from a profile of Temporal's configuration file", () => {
    const file = join(temporaryFolder(), 'temporal.toml');
    writeFileSync(file, '[profile.lab]\naddress = "lab:7233"\n');
    const configured = configuredTemporal({ TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: 'lab' });
    expect(configured?.connectionOptions.address).toBe('lab:7233');
  });
});

describe('TLS of the Temporal service', () => {
  const address = { TEMPORAL_CONFIG_FILE: '/does/not/exist', TEMPORAL_ADDRESS: 'example:7233' };

  test.each(['SERVER_CA_CERT', 'CLIENT_CERT', 'CLIENT_KEY'])(
    'names the variable and the path where the file of TEMPORAL_TLS_%s_PATH cannot be read',
    (name) => {
      const folder = temporaryFolder();
      const variable = `TEMPORAL_TLS_${name}_PATH`;
      for (const [path, why] of [
        [join(folder, 'none.pem'), 'none.pem is not there'],
        [folder, 'EISDIR'],
      ] as const) {
        const variables = { ...address, [variable]: path };
        for (const use of [configuredTemporal, (v: typeof variables) => workerTemporal('127.0.0.1:1', v)]) {
          const error = thrownBy(() => use(variables));
          expect(isPanicError(error, 'InvalidInput')).toBe(true);
          expect(String(error)).toContain(
            `${variable} (or a profile) names a file that cannot be used: ${folder}`,
          );
          expect(String(error)).toContain(why);
        }
      }
    },
  );

  test.each([
    ['CERT', 'KEY'],
    ['KEY', 'CERT'],
  ])('is refused with half a pair: only a client %s', (given, missing) => {
    const variables = { ...address, [`TEMPORAL_TLS_CLIENT_${given}_DATA`]: 'x' };
    const words = `TEMPORAL_TLS_CLIENT_${missing}_PATH is not`;
    expect(() => configuredTemporal(variables)).toThrow(words);
    expect(configuredTemporal({ ...variables, [`TEMPORAL_TLS_CLIENT_${missing}_DATA`]: 'y' })).toMatchObject({
      connectionOptions: { tls: { clientCertPair: expect.anything() } },
    });
  });

  test('with missing files is accepted if TLS is turned off', () => {
    const off = { ...address, TEMPORAL_TLS: 'false', TEMPORAL_TLS_CLIENT_CERT_PATH: '/does/not/exist' };
    expect(configuredTemporal(off)?.connectionOptions.tls).toBe(false);
  });

  test('and other settings of an unreadable configuration file name that file', () => {
    const file = join(temporaryFolder(), 'temporal.toml');
    writeFileSync(file, 'no toml at all\n');
    for (const variables of [{ TEMPORAL_CONFIG_FILE: file }, { ...address, TEMPORAL_PROFILE: 'gone' }]) {
      const error = thrownBy(() => configuredTemporal(variables));
      expect(isPanicError(error, 'InvalidInput')).toBe(true);
      expect(String(error)).toContain(
        `look at the variables TEMPORAL_…, and at ${variables.TEMPORAL_CONFIG_FILE}`,
      );
    }
  });
});

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}

/**
 * What a user may have set: keys and passwords, each with its own name as its value, and variables that
 * programs need.
 */
const SECRETS =
  'HF_TOKEN AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY PANIC_TDA_SERVER_API_KEY PGPASSWORD PANIC_TDA_DATABASE ' +
  'TEMPORAL_API_KEY NVIDIA_API_KEY GITHUB_TOKEN HTTPS_PROXY NPM_TOKEN';
const user = Object.fromEntries(
  `${SECRETS} PATH HOME TZ LC_ALL CUDA_VISIBLE_DEVICES NODE_EXTRA_CA_CERTS`
    .split(' ')
    .map((name) => [name, name]),
);

function given(...[kind, options]: [ChildKind, ChildOptions?]): string[] {
  return Object.keys(childEnvironment(kind, options, user)).sort();
}

describe('environments of child processes', () => {
  const basic = ['HOME', 'LC_ALL', 'PATH', 'TZ'];

  test('hold what the kind of the child needs, and no key that it does not need', () => {
    expect(given('probe')).toEqual(['CUDA_VISIBLE_DEVICES', ...basic]);
    expect(given('runner')).toEqual(['CUDA_VISIBLE_DEVICES', 'ORT_DISABLE_TELEMETRY', ...basic].toSorted());
    expect(given('worker')).toEqual(['CUDA_VISIBLE_DEVICES', ...basic]);
    expect(given('server')).toEqual(basic);
    expect(given('thread')).toEqual([]);
    expect(given('pip')).toEqual(['HOME', 'HTTPS_PROXY', 'LC_ALL', 'NODE_EXTRA_CA_CERTS', 'PATH', 'TZ']);
  });

  test.each([
    ['bucket', ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']],
    ['postgres', ['PGPASSWORD']],
    ['modelServers', ['PANIC_TDA_SERVER_API_KEY']],
  ] as const)(
    'hold the keys of a %s if the child connects to one, and the authorities that it trusts',
    (need, keys) => {
      expect(given('worker', { needs: [need] })).toEqual(
        [...keys, 'CUDA_VISIBLE_DEVICES', ...basic, 'NODE_EXTRA_CA_CERTS'].sort(),
      );
    },
  );

  test('of a worker hold every setting of ours that it does not get in another way', () => {
    const ours = Object.fromEntries(environmentVariables.map(({ name }) => [name, '1']));
    const needs = ['bucket', 'modelServers'] as const;
    const handedOn = Object.keys(childEnvironment('worker', { needs }, ours));
    const byValue = [
      ...Object.keys(deviceVariables(readEnvironment({}).deviceSettings)),
      ...Object.keys(databaseVariables({ url: 'postgres://x', poolSize: 1 })),
    ];
    // The data folder is an argument. The other two belong to the server, and to ports that such a worker
    // does not have.
    const elsewhere = ['PANIC_TDA_DATA', 'PANIC_TDA_TEMPORAL_CLI', 'PANIC_TDA_HTTP_NAMES'];
    expect([...handedOn, ...byValue, ...elsewhere].sort()).toEqual(Object.keys(ours).sort());
  });

  test('are changed by what is added and removed', () => {
    const extra = { TZ: undefined, PATH: '/b', OWN: '1' };
    expect(childEnvironment('server', { extra }, { TZ: 'UTC', PATH: '/a', HOME: '/h' })).toEqual({
      PATH: '/b',
      HOME: '/h',
      OWN: '1',
    });
  });

  test('hold what PANIC_TDA_PASS_VARIABLES names, which names variables', () => {
    const variables = { PANIC_TDA_PASS_VARIABLES: 'ONE, OTHER', ONE: '1', OTHER: '2', THIRD: '3' };
    expect(childEnvironment('server', {}, variables)).toEqual({
      PANIC_TDA_PASS_VARIABLES: 'ONE, OTHER',
      ONE: '1',
      OTHER: '2',
    });
    expect(readEnvironment({ PANIC_TDA_PASS_VARIABLES: 'A=1,B' }).problems).toEqual([
      'PANIC_TDA_PASS_VARIABLES has "A=1"; it can be names of variables, with commas between.',
    ]);
  });

  test("the embedded server gets none of the user's settings for Temporal clients", () => {
    const { GOMAXPROCS, ...environment } = temporalServerEnvironment({
      HOME: '/h',
      GOGC: '50',
      TEMPORAL_ADDRESS: 'x',
      TEMPORAL_PROFILE: 'y',
    });
    expect(environment).toEqual({ HOME: '/h', GOGC: '50', TEMPORAL_VERSION_CHECK_DISABLED: '1' });
    expect(Number(GOMAXPROCS)).toBeGreaterThanOrEqual(1);
  });
});

describe('the secrets of the environment', () => {
  test('are its keys, and the passwords of its addresses', () => {
    const variables = {
      PANIC_TDA_SERVER_API_KEY: 'server key',
      PANIC_TDA_DATABASE: 'postgres://me:pass%2Fword@host/db?sslpassword=key%20password',
      PGPASSWORD: 'other password',
      HF_TOKEN: 'token',
      AWS_ACCESS_KEY_ID: 'a name',
      AWS_SECRET_ACCESS_KEY: 'secret key',
      AWS_SESSION_TOKEN: '',
      TEMPORAL_API_KEY: 'api key',
      TEMPORAL_TLS_CLIENT_KEY_DATA: `-----BEGIN PRIVATE KEY-----\n${'k'.repeat(64)}\n-----END PRIVATE KEY-----`,
      https_proxy: 'http://user:proxy%40password@proxy:3128',
      HTTP_PROXY: 'user:other@proxy:3128',
      ALL_PROXY: 'http://proxy:3128/a:b@c',
    };
    expect(secretsOf(variables).map(({ value }) => value)).toEqual([
      'server key',
      'other password',
      'token',
      'secret key',
      'api key',
      'k'.repeat(64),
      'pass/word',
      'key password',
      'other',
      'proxy@password',
    ]);
  });

  test('are found in an address that is wrong elsewhere', () => {
    const variables = { PANIC_TDA_DATABASE: 'postgres://me:the password@host/db?sslpassword=another&x=1' };
    expect(secretsOf(variables).map(({ value }) => value)).toEqual(['the password', 'another']);
  });
});
