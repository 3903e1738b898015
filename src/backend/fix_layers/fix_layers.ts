import { fixBatchNormalization } from "./fix_batch_normalization.ts";
import { fixConvolutions } from "./fix_convolutions.ts";
import { fixDropout } from "./fix_dropout.ts";
import { fixGelu } from "./fix_gelu.ts";
import { fixImageLayers } from "./fix_image_layers.ts";
import { fixLayerNormalization } from "./fix_layer_normalization.ts";
import { fixMerges } from "./fix_merges.ts";
import { fixRecurrent } from "./fix_recurrent.ts";
import { fixRegularizers } from "./fix_regularizers.ts";
import { fixSoftmax } from "./fix_softmax.ts";

/** Repairs layers of tfjs that cannot be built or trained, or ignore their options. */
export function fixLayers(): void {
  fixBatchNormalization();
  fixConvolutions();
  fixDropout();
  fixGelu();
  fixImageLayers();
  fixLayerNormalization();
  fixMerges();
  fixRecurrent();
  fixRegularizers();
  fixSoftmax();
}
