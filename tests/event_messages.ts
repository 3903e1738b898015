import protobuf from "npm:protobufjs@8.8.1";

/**
 * The public messages of TensorBoard, as far as event files of ours may use them: names, types and
 * numbers of fields are the format.
 */
const MESSAGES = `
syntax = "proto3";
message Event {
  double wall_time = 1;
  int64 step = 2;
  oneof what { string file_version = 3; bytes graph_def = 4; Summary summary = 5; }
}
message Summary {
  message Value {
    string tag = 1;
    string node_name = 7;
    SummaryMetadata metadata = 9;
    oneof value { float simple_value = 2; HistogramProto histo = 5; TensorProto tensor = 8; }
  }
  repeated Value value = 1;
}
message SummaryMetadata {
  message PluginData { string plugin_name = 1; bytes content = 2; }
  PluginData plugin_data = 1;
  string display_name = 2;
  string summary_description = 3;
}
message HistogramProto {
  double min = 1; double max = 2; double num = 3; double sum = 4; double sum_squares = 5;
  repeated double bucket_limit = 6 [packed = true];
  repeated double bucket = 7 [packed = true];
}
message TensorProto {
  int32 dtype = 1;
  TensorShapeProto tensor_shape = 2;
  repeated bytes string_val = 8;
}
message TensorShapeProto {
  message Dim { int64 size = 1; string name = 2; }
  repeated Dim dim = 2;
  bool unknown_rank = 3;
}`;

/** One value of an event, as the decoder gives it. */
export interface DecodedValue {
  tag: string;
  simpleValue?: number;
  histo?: { min: number; max: number; num: number; sum: number; bucket: number[] };
  tensor?: { dtype: number; stringVal: Uint8Array[] };
  metadata?: { pluginData: { pluginName: string } };
}

/** One event, as the decoder gives it. */
export interface DecodedEvent {
  wallTime: number;
  step?: number;
  fileVersion?: string;
  summary?: { value: DecodedValue[] };
}

const Event = protobuf.parse(MESSAGES).root.lookupType("Event");

/** Decodes one event. */
export function decodeEvent(bytes: Uint8Array): DecodedEvent {
  return Event.toObject(Event.decode(bytes), { longs: Number }) as DecodedEvent;
}
