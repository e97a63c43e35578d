/**
 * Words of the client `pg` and of Node, for errors without a code. No other code reads these words. From pg
 * 8.23 (lib/client.js, lib/connection.js), pg-pool 3.14 (index.js), Node's `node:tls`, and OpenSSL.
 */

/** The server answers the request for TLS with no. */
export const NO_TLS = /server does not support SSL connections/i;

/**
 * A server cuts the handshake off if it stops, if it has no process to spare, or if it does not know this way
 * to begin.
 */
export const CUT_OFF = /before secure TLS connection was established|error establishing an SSL connection/i;

/** The other side does not speak TLS. */
export const NOT_TLS = /wrong version number/i;

/** The connection is lost. */
export const LOST_CONNECTION =
  /connection terminated|timeout exceeded when trying to connect|not queryable|Query read timeout/i;
