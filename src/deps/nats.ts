/**
 * NATS and its JetStream, a server that keeps messages until a worker has handled them. Import
 * it only once a server is to be reached.
 *
 * @module
 */
export {
  connect,
  credsAuthenticator,
  type NatsConnection,
} from "npm:@nats-io/transport-node@3.4.0";
export {
  AckPolicy,
  type Consumer,
  jetstream,
  type JetStreamClient,
  type JetStreamManager,
  jetstreamManager,
  type JsMsg,
  RetentionPolicy,
} from "npm:@nats-io/jetstream@3.4.0";
export { NodeTransport } from "npm:@nats-io/transport-node@3.4.0/lib/node_transport.js";
