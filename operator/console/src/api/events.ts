/** Server-sent events read with fetch, because EventSource sends no token. */

export interface ServerEvent {
  event: string;
  data: string;
  id: string;
}

/** The events of a stream, as they come; ends with it, or when nothing came for that long: not even a comment.
 * (HTML Living Standard, 9.2.6) */
export async function* events(answer: Response, silentSeconds: number): AsyncGenerator<ServerEvent> {
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let id = "";
  try {
    for (;;) {
      const { done, value } = await within(silentSeconds, reader.read());
      if (done) return;
      const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
      rest = blocks.pop()!;
      for (const block of blocks) {
        const event = parsed(block, id);
        id = event.id;
        if (event.data || event.event !== "message") yield event;
      }
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}

function parsed(block: string, id: string): ServerEvent {
  const event = { event: "message", data: "", id };
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon < 1) continue; // a comment keeps the connection alive
    const text = line.slice(colon + 1).replace(/^ /, "");
    const field = line.slice(0, colon);
    if (field === "event") event.event = text;
    else if (field === "id") event.id = text;
    else if (field === "data") event.data += event.data ? `\n${text}` : text;
  }
  return event;
}

type Chunk = ReadableStreamReadResult<string>;

async function within(seconds: number, reading: Promise<Chunk>): Promise<Chunk> {
  let timer = 0;
  const silence = new Promise<Chunk>((resolve) => {
    timer = window.setTimeout(() => resolve({ done: true, value: undefined }), seconds * 1000);
  });
  try {
    return await Promise.race([reading, silence]);
  } finally {
    clearTimeout(timer);
  }
}
