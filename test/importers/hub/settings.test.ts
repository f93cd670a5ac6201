import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { proxiesOf } from '../../../src/importers/hub/proxies.js';
import { hubSettings } from '../../../src/importers/hub/settings.js';
import { refusal } from '../../refusal.js';

const home = mkdtempSync(join(tmpdir(), 'llmspec-home-'));
afterAll(() => rmSync(home, { recursive: true }));
mkdirSync(join(home, '.cache', 'huggingface'), { recursive: true });
writeFileSync(join(home, '.cache', 'huggingface', 'token'), 'hf_ofTheFile\n');
writeFileSync(join(home, 'other-token'), 'other');

const settings = (env: Record<string, string>) => hubSettings(env, { home });

describe('the token', () => {
  test.each([
    ['of the environment comes first', { HF_TOKEN: ' hf_given ' }, 'hf_given'],
    ['has an old name too', { HUGGING_FACE_HUB_TOKEN: 'hf_old' }, 'hf_old'],
    ['need not start like one of the hub', { HF_TOKEN: 'mirror-token' }, 'mirror-token'],
    ['is else that of the file', {}, 'hf_ofTheFile'],
    ['may lie in another file', { HF_TOKEN_PATH: '~/other-token' }, 'other'],
    ['is not looked for where that is turned off', { HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' }, undefined],
    ['may be nowhere', { HF_HOME: '/nowhere' }, undefined],
    ['of blanks is none', { HF_TOKEN: '  ', HF_HOME: '/nowhere' }, undefined],
  ])('%s', (_, env, token) => {
    expect(settings(env).token).toBe(token);
  });

  test('with signs that no header can carry is refused, and not shown', () => {
    const problem = expect.not.stringContaining('secret');
    expect(() => settings({ HF_TOKEN: 'secret\nX-Evil: 1' })).toThrow(refusal('network', { problem }));
  });
});

describe('the cache', () => {
  test.each([
    [{}, join(home, '.cache/huggingface/hub')],
    [{ HF_HOME: '/a' }, '/a/hub'],
    [{ HF_HOME: '~/a' }, join(home, 'a/hub')],
    [{ XDG_CACHE_HOME: '/x' }, '/x/huggingface/hub'],
    [{ HF_HUB_CACHE: '/b', HF_HOME: '/a' }, '/b'],
    [{ HUGGINGFACE_HUB_CACHE: '/c' }, '/c'],
  ])('%j', (env, folder) => {
    expect(settings(env as Record<string, string>).cacheFolder).toBe(folder);
  });
});

test.each([
  [{}, false],
  [{ HF_HUB_OFFLINE: '1' }, true],
  [{ HF_HUB_OFFLINE: 'True' }, true],
  [{ HF_HUB_OFFLINE: '0' }, false],
  [{ TRANSFORMERS_OFFLINE: 'yes' }, true],
])('offline with %j: %s', (env, offline) => {
  expect(settings(env as Record<string, string>).offline).toBe(offline);
});

test('the endpoint loses its last slash, and must be an address', () => {
  expect(settings({ HF_ENDPOINT: 'https://mirror.example/hf/' }).endpoint).toBe('https://mirror.example/hf');
  expect(settings({}).endpoint).toBe('https://huggingface.co');
  expect(() => settings({ HF_ENDPOINT: 'file:///etc' })).toThrow(refusal('network'));
  expect(() => settings({ HF_ENDPOINT: 'hub' })).toThrow(refusal('network'));
});

describe('proxies', () => {
  const HUB = 'https://huggingface.co/x';
  test.each([
    [{}, HUB, undefined],
    [{ HTTPS_PROXY: 'http://p:1' }, HUB, 'http://p:1/'],
    [{ https_proxy: 'p:1' }, HUB, 'http://p:1/'],
    [{ https_proxy: 'http://small:1', HTTPS_PROXY: 'http://large:1' }, HUB, 'http://small:1/'],
    [{ HTTP_PROXY: 'http://p:1' }, HUB, undefined],
    [{ HTTP_PROXY: 'http://p:1' }, 'http://hub', 'http://p:1/'],
    [{ ALL_PROXY: 'http://p:1' }, HUB, 'http://p:1/'],
    [{ ALL_PROXY: 'http://p:1', NO_PROXY: '*' }, HUB, undefined],
    [{ ALL_PROXY: 'http://p:1', NO_PROXY: 'huggingface.co' }, HUB, undefined],
    [{ ALL_PROXY: 'http://p:1', no_proxy: 'a, .huggingface.co' }, 'https://cdn.huggingface.co', undefined],
    [{ ALL_PROXY: 'http://p:1', NO_PROXY: 'face.co' }, HUB, 'http://p:1/'],
    [{ ALL_PROXY: 'http://p:1', NO_PROXY: 'huggingface.co:443' }, HUB, undefined],
    [{ ALL_PROXY: 'http://p:1', NO_PROXY: 'huggingface.co:80' }, HUB, 'http://p:1/'],
  ])('%j for %s: %s', (env, url, proxy) => {
    expect(proxiesOf(env as Record<string, string>)(new URL(url))?.href).toBe(proxy);
  });

  test('of another kind are refused', () => {
    expect(() => proxiesOf({ ALL_PROXY: 'socks5://p:1' })(new URL(HUB))).toThrow(refusal('network'));
  });
});
