/// <reference types="vite/client" />

/** The build this page belongs to; empty when it is served by whatever server it talks to. */
declare const __BUILD__: string;
