/** Saves something that the page has as a file. */
export function saveFile(data: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(data);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

export const saveText = (text: string, name: string, type: string) => saveFile(new Blob([text], { type }), name);
