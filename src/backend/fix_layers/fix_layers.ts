import { fixActivations } from "./fix_activations.ts";
import { fixBatchNormalization } from "./fix_batch_normalization.ts";
import { fixConvolutions } from "./fix_convolutions.ts";
import { fixDropout } from "./fix_dropout.ts";
import { fixImageLayers } from "./fix_image_layers.ts";
import { fixLayerNormalization } from "./fix_layer_normalization.ts";
import { fixMerges } from "./fix_merges.ts";
import { fixRecurrent } from "./fix_recurrent.ts";
import { fixRegularizers } from "./fix_regularizers.ts";

/** Repairs layers of tfjs that cannot be built or trained, or ignore their options. */
export function fixLayers(): void {
  fixActivations();
  fixBatchNormalization();
  fixConvolutions();
  fixDropout();
  fixImageLayers();
  fixLayerNormalization();
  fixMerges();
  fixRecurrent();
  fixRegularizers();
}
