/** What is used of it. */
declare module 'js-yaml' {
  const yaml: {
    /** The document's value; anchors and merge keys are resolved. Throws where it is no YAML. */
    safeLoad(text: string): unknown;
  };
  export default yaml;
}
