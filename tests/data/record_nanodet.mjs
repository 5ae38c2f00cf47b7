// Records what TensorFlow.js makes of the picture in nanodet_tfjs.npz, for test_perception_parity.py.
//   npm install @tensorflow/tfjs@4.22.0
//   node record_nanodet.mjs MODEL_FOLDER INPUT.f32 OUTPUT_FOLDER
// MODEL_FOLDER holds nanodet.json and nanodet.bin; INPUT.f32 the normalised input, 1 x 3 x 416 x 416.
import * as tf from '@tensorflow/tfjs';
import fs from 'node:fs';
import path from 'node:path';

const OUTPUTS = ['Identity', 'Identity_1', 'Identity_2', 'Identity_3', 'Identity_4', 'Identity_5'];

const [modelFolder, inputFile, outputFolder] = process.argv.slice(2);
const bytes = (file) => {
  const buffer = fs.readFileSync(file);
  return buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);
};
const document = JSON.parse(fs.readFileSync(path.join(modelFolder, 'nanodet.json'), 'utf8'));

await tf.setBackend('cpu');
const model = await tf.loadGraphModel({
  load: async () => ({
    format: document.format,
    modelTopology: document.modelTopology,
    signature: document.signature,
    weightSpecs: document.weightsManifest[0].weights,
    weightData: bytes(path.join(modelFolder, 'nanodet.bin')),
  }),
});
const input = tf.tensor(new Float32Array(bytes(inputFile)), [1, 3, 416, 416]);
const outputs = model.execute({ input_1: input }, OUTPUTS.map((name) => `${name}:0`));
for (const [index, output] of outputs.entries()) {
  const file = path.join(outputFolder, `${OUTPUTS[index]}.f32`);
  fs.writeFileSync(file, Buffer.from((await output.data()).buffer));
}
