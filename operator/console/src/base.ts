/** Where the console and its API are, whatever path prefix a proxy puts before them. */

const element = document.querySelector("base")!;
// Absolute from here on: a relative one would follow the address bar.
element.href = element.href;

/** The console's root, such as https://host/prefix/console/. */
export const ROOT = new URL(element.href);

/** The API's root, such as https://host/prefix/. */
export const API = new URL("..", ROOT);
