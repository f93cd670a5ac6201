// Runs the program from code that the build has compiled: half the start-up time.
const { readFileSync } = require('node:fs');
const { createRequire, wrap } = require('node:module');
const { Script } = require('node:vm');

/** The program as V8 takes it; a cache of another V8 is passed over. The file is ASCII, which the build checks. */
function scriptOf(program, cachedData) {
  return new Script(wrap(readFileSync(program, 'latin1')), {
    filename: program,
    cachedData,
  });
}

/** What the program exports, after it has started. */
function start(script, program) {
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(program), module, program);
  return module.exports;
}

exports.scriptOf = scriptOf;
exports.start = start;
exports.run = (program, codeCache) => start(scriptOf(program, readFileSync(codeCache)), program);
