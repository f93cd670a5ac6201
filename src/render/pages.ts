// Everything that makes text for people, loaded at once and only when somebody will read it.
export { checkPage } from './check.js';
export { comparePage } from './compare.js';
export { csvLine, renderCsv } from './csv.js';
export { enginePage, enginesPage } from './engines.js';
export { fitCataloguePage, fitPage } from './fit.js';
export { gpuPage, gpusPage } from './gpus.js';
export { renderMarkdown } from './markdown.js';
export { modelPage, modelsPage } from './models.js';
export { planPage } from './plan.js';
export { quantPage, quantsPage } from './quants.js';
export { recommendPage } from './recommend.js';
export { renderGithub } from './reports/github.js';
export { renderJunit } from './reports/junit.js';
export { renderSarif } from './reports/sarif.js';
export { specText } from './spec-file.js';
export { sweepCells, sweepHeader, sweepPage } from './sweep.js';
export { renderText } from './text.js';
