export { catalogue, type CatalogueOptions, loadCatalogue, readCatalogue } from './catalogue.js';
export { MEASURED_MS_PER_INVOCATION, MEASURED_MS_PER_VECTOR } from './measured-times.js';
export type { Embedded, Generated, ModelActivity, ModelPool } from './contract.js';
export { explainUnfit, type UnfitModel, unfitModels } from './files-fit.js';
export type { Hub } from './files/hub.js';
export {
  hubRepository,
  isNeural,
  missingModelFiles,
  modelFolders,
  pinnedFolder,
  repositoryOf,
  requiredFiles,
} from './files/layout.js';
export { folderOf } from './files/lock.js';
export { readLock } from './files/lock-file.js';
export { isPackaged, PACKAGED_REMEDY } from './files/packaged.js';
export { pullModels, type PullOutcome, type PullProgress } from './files/pull.js';
export {
  explainUnready,
  type Readiness,
  readinessOf,
  unreadyAmong,
  type UnreadyModel,
  unreadyModels,
} from './files/readiness.js';
export { plannedRemoval, type Removal, removeModel } from './files/remove.js';
export { resolveModelFiles, type ResolvedFiles } from './files/resolve.js';
export { type Verification, verifyModel } from './files/verify.js';
export { fitEverywhere, DEVICE_SETTINGS, type DeviceSettings, oversizedModels } from './runners/settings.js';
export { type CudaProvider, cudaProvider, providerState, type ProviderState } from './onnx/cuda.js';
export { fetchCudaProvider } from './onnx/cuda-download.js';
export {
  cudaLibrariesCommand,
  cudaProblem,
  type CudaProblem,
  DRIVER,
  explainCudaProblem,
} from './onnx/cuda-libraries.js';
export {
  chooseDevice,
  decideDevice,
  type DeviceDecision,
  explainDecision,
  type DeviceChoice,
  DEVICE_CHOICES,
  DEVICES,
  type DeviceTrial,
  tryDevice,
  tryDeviceAgain,
} from './onnx/devices.js';
export { createModelPool, type ModelPoolOptions } from './pool.js';
export type { ServerAccess } from './servers/address.js';
export { askServers, type AskedServer, isServed, servedModels, serverTroubles } from './servers/preflight.js';
