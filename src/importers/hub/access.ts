import type { Model } from '../../schema/model.js';
import type { Known } from '../known.js';
import { readHubModel } from './model.js';
import type { Environment } from './proxies.js';
import type { HubRef } from './ref.js';
import { type HubOptions, hubSettings } from './settings.js';

/** The hub as a program reaches it: the environment that says where it is, and what the caller adds. */
export interface HubAccess extends HubOptions {
  readonly env: Environment;
}

/** The model of a repository. @throws InputError as `hubSettings` and `readHubModel` */
export async function readHub(ref: HubRef, { env, ...options }: HubAccess, known: Known): Promise<Model> {
  return readHubModel(ref, hubSettings(env, options), known);
}
