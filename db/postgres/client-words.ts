/**
 * What the client `pg` and Node say where their errors have no code: the one place that reads these words. From pg 8.23
 * (lib/client.js, lib/connection.js), pg-pool 3.14 (index.js), Node's `node:tls`, and OpenSSL.
 */

/** The server answers the request for TLS with no. */
export const NO_TLS = /server does not support SSL connections/i;

/** A server that stops, or has no process to spare, cuts the handshake off; so does one that does not know this way to begin it. */
export const CUT_OFF = /before secure TLS connection was established|error establishing an SSL connection/i;

/** What answers speaks no TLS. */
export const NOT_TLS = /wrong version number/i;

/** The connection is lost. */
export const LOST_CONNECTION =
  /connection terminated|timeout exceeded when trying to connect|not queryable|Query read timeout/i;
