export {
  isNeural,
  missingModelFiles,
  modelFolder,
  modelFolders,
  pinnedFolder,
  repositoryOf,
  requiredFiles,
  requireModelFiles,
} from './files/layout.js';
