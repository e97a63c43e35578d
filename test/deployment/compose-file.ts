import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** The parts of a service of docker-compose.yml that these tests read. */
export interface ComposeService {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly target: string };
  readonly restart?: string;
  readonly user?: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly privileged?: boolean;
  readonly networks?: readonly string[];
  readonly network_mode?: string;
  readonly profiles?: readonly string[];
  readonly stop_grace_period?: string;
  readonly mem_limit?: string;
  readonly memswap_limit?: string;
  readonly cpus?: number | string;
  readonly pids_limit?: number;
  readonly shm_size?: string;
  readonly tmpfs?: readonly string[];
  readonly ulimits?: Readonly<Record<string, number>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly deploy?: {
    readonly resources: {
      readonly reservations: {
        readonly devices: readonly {
          readonly driver: string;
          readonly device_ids: readonly string[];
          readonly capabilities: readonly string[];
        }[];
      };
    };
  };
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

export const ROOT = new URL('../../', import.meta.url);

/** docker-compose.yml with its merges carried out and its variables as written. */
export function readComposeFile(): ComposeFile {
  return parse(readFileSync(new URL('docker-compose.yml', ROOT), 'utf8'), { merge: true }) as ComposeFile;
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
