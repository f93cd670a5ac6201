import type { Architecture, Tower } from '../../schema/model.js';
import type { Part } from './index.js';

/** Towers that are listed tensor by tensor. */
export function towerParts({ towers }: Architecture): Part[] {
  return [...listed(towers?.vision, 'vision'), ...listed(towers?.audio, 'audio')];
}

const listed = (tower: Tower | undefined, role: 'vision' | 'audio'): Part[] =>
  (tower?.tensors ?? []).map(({ name, shape, count = 1 }) => ({
    name: `${role}.${name}`,
    role,
    shape,
    count,
  }));
