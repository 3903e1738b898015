/**
 * csv-parse, a parser of CSV.
 *
 * Its own types refer to those of Node, which would change the types of every module in a program,
 * so the little that is used of it is declared here.
 *
 * @module
 */
import "./buffer.ts";
// @ts-types="./csv_parse.d.ts"
export { CsvError, parse } from "npm:csv-parse@7.0.3/sync";
