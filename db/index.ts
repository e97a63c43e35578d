export { addedToOlder, bringUpToDateForRepair, requireWritable } from './connection.js';
export {
  accessTo,
  isNewer,
  NewerTables,
  NewerTablesRefused,
  newerRemark,
  newerText,
  RELEASES,
} from './compatibility.js';
export type { Access, Dialect, PlannedMigration, TablesNow, TablesVersion } from './compatibility.js';
export type { TablesOnServer } from './postgres/connection.js';
export { AboutToBeMigrated, leaveText } from './postgres/users.js';
export { DATABASE_FILE, OBJECTS_FOLDER } from './layout.js';
export { plannedUpgrade, upgradedText, upgradeFile } from './upgrade.js';
export type { Upgraded, UpgradePlan } from './upgrade.js';
export {
  connectStore,
  connectStoreAlone,
  connectStoreReadonly,
  objectsBeside,
  openStore,
  openStoreReadonly,
  setUpDatabase,
  tablesOnServer,
} from './store.js';
export type { Store, StorePlace } from './store.js';
export type { Connection } from './connection.js';
export { hasPassword, nameOfService, POOL_SIZE, postgresUrlProblem } from './postgres/service.js';
export type { PostgresService } from './postgres/service.js';
export type { RecordedBuild } from './builds.js';
export { connectionRoom, connectionsWanted, shortageText } from './postgres/connection-room.js';
export type { RecordedRoutes, RouteRecord } from './routes.js';
export { driverOf } from './experiments.js';
export type { Driver, ExperimentRow, Standing } from './experiments.js';
export { drivenElsewhere, isSameService, serviceAddress, servicePlace } from './driver-service.js';
export type { DriverService } from './driver-service.js';
export type { UsedDevice, UsedEmbedding } from './provenance.js';
export type { FailureRow, RunRow, Stage } from './runs.js';
export type { EncodedArtifact } from './artifacts.js';
export type { DeletionPreview, Removal } from './deletion.js';
export type { ComputedInvocation } from './computed.js';
export type { Committed, Cycle, EqualWork, Position, Step } from './invocations.js';
export { portionsOf } from './vectors.js';
export type { NewVector, PendingOutput, PointCloud, StepRange } from './vectors.js';
export type { DiagramDimension, NewDiagram } from './diagrams.js';
export type { OverviewFigures, RunEntropy, RunOverview } from './run-overviews.js';
export type { SurrogateDimension, SurrogateKey, SurrogateRow } from './surrogates.js';
export type { SharedVectors } from './output-warnings.js';
export type { EntropySummary, Progress, Summary } from './summary.js';
export { awaitedMs } from './figures.js';
export type { AwaitedStep, StoreFigures } from './figures.js';
export { clockAheadMs, clockText } from './clock.js';
export type { Connections } from './database.js';
export type { ExperimentStatus, RunHold, RunStatus } from './schema.js';
export { compact } from './compact.js';
export type { Compacted } from './compact.js';
export { copyObjects } from './objects/copy.js';
export type { CopyCounts } from './objects/copy.js';
export type { ObjectStore, StoredObject } from './objects/object-store.js';
export { openObjects } from './objects/open.js';
export { OBJECTS_PLACE_FORMAT, objectsPlace } from './objects/place.js';
export type { ObjectsPlace, S3Service } from './objects/place.js';
export { missingPictures } from './objects-place.js';
export { contentDigest, contentOf } from './content.js';
export type { ContentRow } from './content.js';
export { backUp, MANIFEST_FILE, refuseTarget } from './backup/index.js';
export type { Backup, BackupManifest, BackupProgress } from './backup/index.js';
