/** The files of a ZIP as folders: each is looked into when it is opened, so that 100,000 files cost nothing before. Pure. */
import type { PackedFile } from "../api/schema";

/** A file, or a folder with what it takes in all. */
export interface Entry {
  name: string;
  size: number;
  compressed: number;
  /** Files in it; 0 for a file. */
  files: number;
  /** The part of the list that a folder's files are; they stand beside each other, because the list is sorted by path. */
  from: number;
  end: number;
}

/** What lies directly in a folder, the largest first. `depth`: characters of its path. */
export function entriesIn(files: PackedFile[], from: number, end: number, depth: number): Entry[] {
  const found: Entry[] = [];
  let last = undefined as Entry | undefined;
  for (let at = from; at < end; at++) {
    const { path, size, compressed } = files[at]!;
    const slash = path.indexOf("/", depth);
    const name = slash < 0 ? path.slice(depth) : path.slice(depth, slash + 1);
    if (slash >= 0 && last?.name === name) {
      last.size += size;
      last.compressed += compressed;
      last.files++;
      last.end = at + 1;
      continue;
    }
    last = { name, size, compressed, files: slash < 0 ? 0 : 1, from: at, end: at + 1 };
    found.push(last);
  }
  return found.sort((a, b) => b.size - a.size || (a.name < b.name ? -1 : 1));
}

/** Files whose path has all these words, the first `most` of them, and how many there are. */
export function findFiles(files: PackedFile[], words: string, most: number): { found: PackedFile[]; count: number } {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const found: PackedFile[] = [];
  let count = 0;
  for (const file of files) {
    const path = file.path.toLowerCase();
    if (!wanted.every((word) => path.includes(word))) continue;
    if (count++ < most) found.push(file);
  }
  return { found, count };
}
