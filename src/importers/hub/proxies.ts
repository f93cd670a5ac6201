import { InputError } from '../../errors.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy through which an address is asked; `undefined`: none. */
export type ProxyFor = (url: URL) => URL | undefined;

/**
 * The proxies of the environment: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in either case, the
 * small letters first as curl has it. Node 20 knows none of them itself.
 *
 * @throws InputError `network`, when asked, for a proxy that is no http(s) address
 * @example proxiesOf({ HTTPS_PROXY: 'http://proxy:3128' })(new URL('https://huggingface.co'))?.host // 'proxy:3128'
 */
export function proxiesOf(env: Environment): ProxyFor {
  const get = (name: string): string | undefined => env[name.toLowerCase()] || env[name] || undefined;
  const direct = (get('NO_PROXY') ?? '').split(/[\s,]+/).filter((entry) => entry !== '');
  return (url) => {
    const text = get(url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY') ?? get('ALL_PROXY');
    return text === undefined || isDirect(url, direct) ? undefined : proxyOf(text);
  };
}

function proxyOf(text: string): URL {
  const address = /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new InputError('network', {
    problem: `The proxy "${url?.protocol ? `${url.protocol}//${url.host}` : 'in the environment'}" is no http or https address.`,
    hint: 'Set HTTPS_PROXY to an address such as http://proxy:3128.',
  });
}

/** An entry is a host, the end of hosts, `*`, each with or without a port. */
function isDirect({ hostname, port, protocol }: URL, entries: readonly string[]): boolean {
  const ownPort = port || (protocol === 'https:' ? '443' : '80');
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  return entries.some((entry) => {
    if (entry === '*') return true;
    const [, name = '', only] = /^(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    if (only !== undefined && only !== ownPort) return false;
    const end = name.replace(/^\*?\./, '');
    return host === end || host.endsWith(`.${end}`);
  });
}
