export { addedToOlder, bringUpToDateForRepair, requireWritable } from './connection/sqlite.js';
export {
  accessTo,
  isNewer,
  NewerTables,
  NewerTablesRefused,
  newerRemark,
  OlderTables,
  newerText,
  RELEASES,
} from './versions/compatibility.js';
export type {
  Access,
  Dialect,
  PlannedMigration,
  TablesNow,
  TablesVersion,
} from './versions/compatibility.js';
export type { TablesOnServer } from './postgres/connection.js';
export { AboutToBeMigrated, leaveText } from './postgres/users.js';
export { DATABASE_FILE, OBJECTS_FOLDER } from './layout.js';
export { plannedUpgrade, upgradedText, upgradeFile } from './versions/upgrade.js';
export type { Upgraded, UpgradePlan } from './versions/upgrade.js';
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
export type { Connection } from './connection/sqlite.js';
export { hasPassword, nameOfService, POOL_SIZE, postgresUrlProblem } from './postgres/service.js';
export type { PostgresService } from './postgres/service.js';
export type { RecordedBuild } from './tables/builds.js';
export { connectionRoom, connectionsWanted, shortageText } from './postgres/connection-room.js';
export type { RecordedRoutes, RouteRecord } from './tables/routes.js';
export type { ExperimentRow, Standing } from './tables/experiments.js';
export { drivenElsewhere, driverOf, isSamePlace, isSameService, serviceAt } from './tables/driver-service.js';
export type { Driver, DriverService, ServicePlace } from './tables/driver-service.js';
export type { UsedDevice, UsedEmbedding } from './tables/provenance.js';
export type { FailureRow, RunRow, Stage } from './tables/runs.js';
export type { EncodedArtifact } from './tables/artifacts.js';
export type { DeletionPreview, Removal } from './tables/deletion.js';
export type { ComputedInvocation } from './read/computed.js';
export type { PromptOrigins } from './tables/prompt-vectors.js';
export type {
  NewRunStatistics,
  RecomputedStatistics,
  RunStatisticsKey,
  StoredRunStatistics,
} from './tables/run-statistics.js';
export type { EmbeddedSteps } from './tables/trajectories.js';
export { callColumns } from './tables/invocations.js';
export type {
  CallColumns,
  Committed,
  Cycle,
  EqualWork,
  InvocationRow,
  Position,
  RunProgress,
  Step,
} from './tables/invocations.js';
export { float32s } from './float32.js';
export { openReader } from './read/experiment-reader.js';
export type { ExperimentReader } from './read/experiment-reader.js';
export { embeddingTotals } from './read/totals.js';
export type { VectorPortion } from './read/vector-portions.js';
export { portionsOf } from './tables/vectors.js';
export type { NewVector, PendingOutput, PointCloud, StepRange } from './tables/vectors.js';
export type { DiagramDimension, NewDiagram } from './tables/diagrams.js';
export type { OverviewFigures, RunDimension, RunOverview } from './read/run-overviews.js';
export type { SurrogateDimension, SurrogateKey, SurrogateRow } from './tables/surrogates.js';
export type { SharedVectors } from './read/output-warnings.js';
export { summaryName } from './read/summary.js';
export type { Progress, StatisticsSummary, Summary } from './read/summary.js';
export { awaitedMs } from './read/figures.js';
export type { AwaitedStep, StoreFigures } from './read/figures.js';
export { clockAheadMs, clockText } from './connection/clock.js';
export type { Connections } from './connection/database.js';
export { compact } from './connection/compact.js';
export type { Compacted } from './connection/compact.js';
export { copyObjects } from './objects/copy.js';
export type { CopyCounts } from './objects/copy.js';
export type { ObjectStore, StoredObject } from './objects/object-store.js';
export { openObjects } from './objects/open.js';
export { OBJECTS_PLACE_FORMAT, objectsPlace } from './objects/place.js';
export type { ObjectsPlace, S3Service } from './objects/place.js';
export { missingPictures } from './objects/recorded-place.js';
export { contentDigest, contentOf } from './read/content.js';
export type { ContentRow } from './read/content.js';
export { backUp, MANIFEST_FILE, refuseTarget } from './backup/index.js';
export type { Backup, BackupManifest, BackupProgress } from './backup/index.js';
