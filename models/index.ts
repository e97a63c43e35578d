export { catalogue, type CatalogueOptions, loadCatalogue } from './catalogue.js';
export type { Embedded, Generated, ModelPool } from './contract.js';
export {
  missingExperimentFiles,
  missingModelFiles,
  modelFolders,
  pinnedFolder,
  requiredFiles,
} from './neural-files.js';
export { HOST_SETTINGS, type HostSettings } from './hosts/settings.js';
export { type CudaProvider, cudaProvider, downloadCudaProvider, missingLibraries } from './onnx/cuda.js';
export {
  chooseDevice,
  type DeviceChoice,
  DEVICE_CHOICES,
  DEVICES,
  type DeviceTrial,
  tryDevice,
  tryDeviceAgain,
} from './onnx/devices.js';
export { createModelPool, type ModelPoolOptions } from './pool.js';
export type { ServerAccess } from './servers/address.js';
