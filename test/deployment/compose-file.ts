import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

const Text = z.string().optional();
const Texts = z.array(z.string()).optional();

/** The parts of a service of docker-compose.yml that these tests read. */
const ComposeService = z.object({
  image: Text,
  build: z.object({ context: z.string(), target: z.string() }).optional(),
  restart: Text,
  user: Text,
  entrypoint: Texts,
  command: Texts,
  environment: z.record(z.string(), z.string()).optional(),
  ports: Texts,
  volumes: Texts,
  read_only: z.boolean().optional(),
  cap_drop: Texts,
  cap_add: Texts,
  security_opt: Texts,
  privileged: z.boolean().optional(),
  networks: Texts,
  network_mode: Text,
  profiles: Texts,
  stop_grace_period: Text,
  mem_limit: Text,
  memswap_limit: Text,
  cpus: z.union([z.number(), z.string()]).optional(),
  pids_limit: z.number().optional(),
  shm_size: Text,
  tmpfs: Texts,
  ulimits: z.record(z.string(), z.number()).optional(),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).optional(),
  deploy: z
    .object({
      resources: z.object({
        reservations: z.object({
          devices: z.array(
            z.object({
              driver: z.string(),
              device_ids: z.array(z.string()),
              capabilities: z.array(z.string()),
            }),
          ),
        }),
      }),
    })
    .optional(),
});
export type ComposeService = z.output<typeof ComposeService>;

const ComposeFile = z.object({
  services: z.record(z.string(), ComposeService),
  volumes: z.record(z.string(), z.unknown()),
});

export const ROOT = new URL('../../', import.meta.url);

/** docker-compose.yml with its merges carried out and its variables as written. */
export function readComposeFile(): z.output<typeof ComposeFile> {
  return ComposeFile.parse(parse(readFileSync(new URL('docker-compose.yml', ROOT), 'utf8'), { merge: true }));
}

/** `${NAME:?message}`, the only form of a variable that has no default. */
export const SECRET = /^\$\{([A-Z][A-Z0-9_]*):\?[^}]+\}$/;

/** `${NAME:-value}`, the only form of a variable with a default. */
export const CHANGEABLE = /^\$\{([A-Z][A-Z0-9_]*):-([^}]+)\}$/;

/** The value that holds if .env does not set the variable. */
export function valueOf(text: string | number): string {
  return CHANGEABLE.exec(String(text))?.[2] ?? String(text);
}

/** A service that ends when its work is done. */
export function isJob({ restart }: ComposeService): boolean {
  return restart?.startsWith('on-failure') === true || restart === 'no';
}

/** The environment of a service with the secrets in place. */
export function environmentOf(
  { environment = {} }: ComposeService,
  secrets: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => {
      const secret = SECRET.exec(value)?.[1];
      if (secret === undefined) return [name, valueOf(value)];
      if (secrets[secret] === undefined) throw new Error(`there is no value for ${secret}`);
      return [name, secrets[secret]];
    }),
  );
}

/** What lets a container do more than it needs. `exceptions` are the capabilities that it gets on purpose. */
export function excessOf(service: ComposeService, exceptions: readonly string[] = []): string[] {
  const granted = (service.cap_add ?? []).filter((capability) => !exceptions.includes(capability));
  const [user = ''] = (service.user ?? '').split(':');
  const checks: readonly (readonly [boolean, string])[] = [
    [service.cap_drop?.includes('ALL') === true, 'keeps capabilities'],
    [granted.length === 0, `is granted ${granted.join(', ')}`],
    [
      service.security_opt?.includes('no-new-privileges:true') === true,
      'may get more rights by setuid programs',
    ],
    [service.read_only === true, 'can write to its image'],
    [service.privileged !== true, 'is privileged'],
    [/^[1-9]\d*$/.test(user) || exceptions.length > 0, 'runs as root, or as the user of an image'],
    [service.network_mode !== 'host', 'is on the network of the machine'],
    [
      (service.networks ?? []).length > 0 || /^(none|service:.+)$/.test(service.network_mode ?? ''),
      'is on the network of all',
    ],
    [!(service.volumes ?? []).some((mount) => mount.startsWith('/')), 'has a folder of the machine'],
  ];
  return checks.filter(([holds]) => !holds).map(([, excess]) => excess);
}
