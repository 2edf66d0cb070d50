/** Files that were dropped anywhere on the page and are not judged yet. */

export const dropped: { files: File[] } = $state({ files: [] });
