import { check } from '../../core/option-checks.js';

/** What the parameters of a URL say in the words of our options. */
export interface UrlOptions {
  /** Without the parameters that are options. */
  readonly url: string;
  readonly schema?: string;
  readonly poolSize?: number;
  readonly listen?: boolean;
  readonly connectTimeoutMS?: number;
  readonly connectTimeout?: number;
}

/** An option for the text of a parameter; undefined when it cannot be. */
type Meaning = (text: string) => Omit<UrlOptions, 'url'> | undefined;

const SECONDS = check.integer(1, 600);
const POOL = check.integer(1, 1000);

const poolSize: Meaning = (text) => found('poolSize', POOL.parse(Number(text)));
const seconds =
  (name: 'connectTimeoutMS' | 'connectTimeout'): Meaning =>
  (text) => {
    const given = SECONDS.parse(Number(text));
    return given === undefined ? undefined : { [name]: 1000 * given };
  };

/** Parameters that other libraries have brought in, such as Prisma. */
const MEANINGS: Readonly<Record<'postgres' | 'mysql', Readonly<Record<string, Meaning>>>> = {
  postgres: {
    schema: (text) => ({ schema: text }),
    connection_limit: poolSize,
    connect_timeout: seconds('connectTimeoutMS'),
    // A pooler that takes another session for each transaction.
    pgbouncer: (text) => (/^(true|false)$/.test(text) ? { listen: text === 'false' } : undefined),
  },
  mysql: {
    connection_limit: poolSize,
    connect_timeout: seconds('connectTimeout'),
    charset: (text) => (text === 'utf8mb4' ? {} : undefined), // as all our statements are
  },
};

/** Parameters of PostgreSQL itself, which are the business of the driver. That of MySQL has none. */
const OF_POSTGRES =
  /^(host(addr)?|port|dbname|user|password|passfile|require_auth|channel_binding|(client_)?encoding|options|(fallback_)?application_name|keepalives.*|tcp_user_timeout|replication|gss.*|ssl(mode|negotiation|compression|cert|key|password|rootcert|crl|crldir|sni)?|requiressl|requirepeer|ssl_m(in|ax)_protocol_version|krbsrvname|service|target_session_attrs|load_balance_hosts|uselibpqcompat|(statement|lock|query|idle_in_transaction_session)_timeout)$/;

/**
 * Reads the parameters of a URL. One that nobody would read is refused: it may say where the tables
 * are, or that the connection is to be encrypted.
 *
 * @param refuse makes the error of a parameter.
 */
export function urlOptions(
  kind: 'postgres' | 'mysql',
  url: string,
  refuse: (what: string, remedy: string) => Error,
): UrlOptions {
  const start = queryAt(url);
  if (start < 0) return { url };
  const left: string[] = [];
  const options: Partial<UrlOptions> = {};
  for (const pair of url.slice(start + 1).split('&')) {
    const [[name, text] = ['', '']] = new URLSearchParams(pair);
    const meaning = Object.hasOwn(MEANINGS[kind], name) ? MEANINGS[kind][name] : undefined;
    const meant = meaning?.(text);
    if (meant) Object.assign(options, meant);
    else if (meaning) throw refuse(`has ${name}=${text}`, 'Correct it.');
    else if (name === '' || (kind === 'postgres' && OF_POSTGRES.test(name))) left.push(pair);
    else throw refuse(`has the parameter ${name}, which nobody would read`, remedyFor(name));
  }
  const rest = left.filter((pair) => pair !== '').join('&');
  return { ...options, url: url.slice(0, start) + (rest && `?${rest}`) };
}

/** A question mark may be part of a password, too, where it should not. */
function queryAt(url: string): number {
  const from = URL.canParse(url) ? 0 : url.lastIndexOf('@') + 1;
  return url.indexOf('?', from);
}

function remedyFor(name: string): string {
  if (/ssl|tls/i.test(name)) return 'Take it out and give the option ssl.';
  if (/socket/i.test(name)) return 'Take it out; on MySQL there is the option socketPath.';
  if (/schema|search_path/i.test(name)) {
    return 'Take it out; PostgreSQL has schema for it, MySQL the database itself.';
  }
  return 'Take it out of the URL that sitq is given.';
}

function found<K extends keyof UrlOptions>(name: K, value: UrlOptions[K] | undefined) {
  return value === undefined ? undefined : { [name]: value };
}
