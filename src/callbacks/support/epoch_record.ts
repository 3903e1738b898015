import * as field from "../../checks/fields.ts";

/** Accepts the record of an epoch in a checkpoint. */
export const epochRecord: field.FieldCheck = field.record({
  epoch: field.integer({ min: 0 }),
  metrics: field.recordOf(field.measurement),
  learningRate: field.measurement,
  seconds: field.measurement,
});
