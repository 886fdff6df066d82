/** A compiled WASM module as bytes: embedded by the bundler, so that no file or request is needed to start it. */
declare module "*.wasm" {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
