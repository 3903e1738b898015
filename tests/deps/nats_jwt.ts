/**
 * The signature of credentials of NATS accounts and users.
 *
 * @module
 */
export { encodeAccount, encodeOperator, encodeUser, fmtCreds } from "npm:@nats-io/jwt@0.0.11";
export { createAccount, createOperator, createUser } from "npm:@nats-io/nkeys@2.0.3";
