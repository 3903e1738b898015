/** Turns a specification of Vega-Lite into one of Vega. */
export function compile(specification: object): { spec: object };
