import type { Architecture, Vision } from '../../schema/model.js';
import type { Part } from './index.js';

const COLOURS = 3;

/** A vision transformer with biases throughout, and the projector that carries its output to the language model. */
export function visionParts({ vision }: Architecture): Part[] {
  if (!vision) return [];
  return [...outsideLayers(vision), ...layerTensors(vision), ...projector(vision)];
}

const tensor = (name: string, shape: number[], count = 1): Part => ({
  name: `vision.${name}`,
  role: 'vision',
  shape,
  count,
});

const layerNorm = (name: string, width: number, count = 1): Part[] => [
  tensor(`${name}.weight`, [width], count),
  tensor(`${name}.bias`, [width], count),
];

function outsideLayers(vision: Vision): Part[] {
  const { hiddenSize, patchSize, imageSize } = vision;
  const patches = (imageSize / patchSize) ** 2;
  const tensors = [
    tensor('patch_embedding.weight', [hiddenSize, COLOURS * patchSize ** 2]),
    tensor('position_embedding.weight', [patches + (vision.classToken ? 1 : 0), hiddenSize]),
    ...layerNorm('post_norm', hiddenSize),
  ];
  if (vision.patchBias) tensors.push(tensor('patch_embedding.bias', [hiddenSize]));
  if (vision.classToken) tensors.push(tensor('class_embedding', [hiddenSize]));
  if (vision.preNorm) tensors.push(...layerNorm('pre_norm', hiddenSize));
  return tensors;
}

function layerTensors({ layers, hiddenSize, intermediateSize }: Vision): Part[] {
  const linear = (name: string, rows: number, columns: number): Part[] => [
    tensor(`layers.${name}.weight`, [rows, columns], layers),
    tensor(`layers.${name}.bias`, [rows], layers),
  ];
  return [
    ...['q_proj', 'k_proj', 'v_proj', 'o_proj'].flatMap((name) => linear(name, hiddenSize, hiddenSize)),
    ...linear('fc1', intermediateSize, hiddenSize),
    ...linear('fc2', hiddenSize, intermediateSize),
    ...layerNorm('layers.norm1', hiddenSize, layers),
    ...layerNorm('layers.norm2', hiddenSize, layers),
  ];
}

function projector({ projector, projectorNorm, hiddenSize }: Vision): Part[] {
  const matrices = projector.map(([columns, rows], index) =>
    tensor(`projector.${index}.weight`, [rows, columns]),
  );
  return projectorNorm ? [...matrices, tensor('projector.norm.weight', [hiddenSize])] : matrices;
}
