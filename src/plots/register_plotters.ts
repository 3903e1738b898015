/**
 * Registers everything that draws. Importing this is what `@trainchart/trainchart/plots` is for.
 *
 * @module
 */
import { registerPlotters } from "../pictures.ts";
import { confusionPlot } from "./confusion_plot.ts";
import { curvePlot } from "./curve_plot.ts";
import { historyPlot } from "./history_plot.ts";
import { layersPlot } from "./layers_plot.ts";

registerPlotters({
  history: historyPlot,
  layers: layersPlot,
  confusion: confusionPlot,
  curve: curvePlot,
});
