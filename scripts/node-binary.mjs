import { execFileSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';

/** The path of a Node of that major version: the one that runs this, or one that npx fetches and keeps. */
export function nodeBinary(major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const npx = ['-y', '-p', `node@${major}`, 'node', '-p', 'process.execPath'];
  return execFileSync('npx', npx, { encoding: 'utf8', shell: process.platform === 'win32' }).trim();
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) console.log(nodeBinary(process.argv[2]));
