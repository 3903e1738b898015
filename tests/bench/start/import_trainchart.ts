import { Learner, tf } from "../../../mod.ts";
if (tf.version["tfjs-core"] === undefined || !Learner) throw new Error("Nothing was loaded");
