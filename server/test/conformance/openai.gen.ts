// Made by openapi-typescript from /openapi/openai.json; UPDATE_GENERATED=1 makes it anew.
export interface paths {
    "/v1/images/generations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Create images
         * @description Makes images from a prompt, with any model of the list. Waits until they are there.
         */
        post: operations["createImage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/images/edits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Edit images
         * @description Makes images from a prompt and up to 16 pictures, sent as files of a form or by address in JSON.
         */
        post: operations["createImageEdit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List models
         * @description Every model that can be called now.
         */
        get: operations["listModels"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a model
         * @description One model. A slash in its id may be sent percent-encoded or as it is.
         */
        get: operations["retrieveModel"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        OpenAiImagesResponse: {
            /** @description Unix seconds. */
            created: number;
            data: {
                b64_json?: string;
                /** Format: uri */
                url?: string;
            }[];
            /** @enum {string} */
            background?: "transparent" | "opaque";
            /** @enum {string} */
            output_format: "png" | "jpeg" | "webp";
            size: string;
            quality?: string;
            usage?: components["schemas"]["OpenAiUsage"];
        };
        /** @description Of the whole call; left out when the model tells none. */
        OpenAiUsage: {
            total_tokens: number;
            input_tokens: number;
            output_tokens: number;
            input_tokens_details: {
                text_tokens: number;
                image_tokens: number;
            };
        };
        OpenAiPartialImageEvent: {
            /** @enum {string} */
            type: "image_generation.partial_image" | "image_edit.partial_image";
            b64_json: string;
            created_at: number;
            size: string;
            quality: string;
            background: string;
            output_format: string;
            partial_image_index: number;
        };
        OpenAiCompletedEvent: {
            /** @enum {string} */
            type: "image_generation.completed" | "image_edit.completed";
            b64_json: string;
            created_at: number;
            size: string;
            quality: string;
            background: string;
            output_format: string;
            usage: components["schemas"]["OpenAiUsage"];
        };
        OpenAiError: {
            error: {
                message: string;
                type: string;
                param: string | null;
                code: string | null;
            };
        };
        OpenAiAccepted: {
            /** Format: uuid */
            generationId: string;
            /** @enum {string} */
            status: "queued" | "running";
        };
        OpenAiGenerateRequest: {
            /** @description What to draw. 1 to 32,000 characters. */
            prompt: string;
            /** @description Any id of `/v1/models`. Left out: the model that the operator has set. */
            model?: string | null;
            /** @description How many images; 1 when left out. */
            n?: number | null;
            /** @description `auto`, or `WIDTHxHEIGHT` in pixels; what the model makes. */
            size?: string | null;
            /**
             * @description `standard` is `auto`; `hd`, `xhigh` and `max` are `high`.
             * @enum {string|null}
             */
            quality?: "auto" | "low" | "medium" | "high" | "standard" | "hd" | "xhigh" | "max" | null;
            /**
             * @description `transparent` needs png or webp.
             * @enum {string|null}
             */
            background?: "auto" | "transparent" | "opaque" | null;
            /** @enum {string|null} */
            output_format?: "png" | "jpeg" | "webp" | null;
            /** @description For jpeg and webp; 100 when left out. */
            output_compression?: number | null;
            /** @enum {string|null} */
            moderation?: "auto" | "low" | null;
            /**
             * @description Base64 when left out, but for models that begin `dall-e-`: there an address, which opens for 60 minutes.
             * @enum {string|null}
             */
            response_format?: "url" | "b64_json" | null;
            /** @description Answer with server-sent events. */
            stream?: boolean | null;
            /** @description How many unfinished pictures to send with `stream`; fewer may come. */
            partial_images?: number | null;
            /** @description Accepted and not used. */
            user?: string | null;
            /** @description Accepted and not used. */
            safety_identifier?: string | null;
            /** @description Of an older model: accepted and not used. */
            style?: string | null;
        };
        OpenAiEditForm: {
            /**
             * Format: binary
             * @description One picture: PNG, JPEG or WebP, at most 50 MB.
             */
            image?: string;
            /** @description Several pictures. */
            "image[]"?: string[];
            /**
             * Format: binary
             * @description A PNG of at most 4 MB.
             */
            mask?: string;
            /** @description What to draw. 1 to 32,000 characters. */
            prompt: string;
            /** @description Any id of `/v1/models`. Left out: the model that the operator has set. */
            model?: string | null;
            /** @description How many images; 1 when left out. */
            n?: number | null;
            /** @description `auto`, or `WIDTHxHEIGHT` in pixels; what the model makes. */
            size?: string | null;
            /**
             * @description `standard` is `auto`; `hd`, `xhigh` and `max` are `high`.
             * @enum {string|null}
             */
            quality?: "auto" | "low" | "medium" | "high" | "standard" | "hd" | "xhigh" | "max" | null;
            /**
             * @description `transparent` needs png or webp.
             * @enum {string|null}
             */
            background?: "auto" | "transparent" | "opaque" | null;
            /** @enum {string|null} */
            output_format?: "png" | "jpeg" | "webp" | null;
            /** @description For jpeg and webp; 100 when left out. */
            output_compression?: number | null;
            /** @enum {string|null} */
            moderation?: "auto" | "low" | null;
            /**
             * @description Base64 when left out, but for models that begin `dall-e-`: there an address, which opens for 60 minutes.
             * @enum {string|null}
             */
            response_format?: "url" | "b64_json" | null;
            /** @description Answer with server-sent events. */
            stream?: boolean | null;
            /** @description How many unfinished pictures to send with `stream`; fewer may come. */
            partial_images?: number | null;
            /** @description Accepted and not used. */
            user?: string | null;
            /** @description Accepted and not used. */
            safety_identifier?: string | null;
            /** @enum {string|null} */
            input_fidelity?: "high" | "low" | null;
        };
        OpenAiEditRequest: {
            /** @description What to draw. 1 to 32,000 characters. */
            prompt: string;
            /** @description Any id of `/v1/models`. Left out: the model that the operator has set. */
            model?: string | null;
            /** @description How many images; 1 when left out. */
            n?: number | null;
            /** @description `auto`, or `WIDTHxHEIGHT` in pixels; what the model makes. */
            size?: string | null;
            /**
             * @description `standard` is `auto`; `hd`, `xhigh` and `max` are `high`.
             * @enum {string|null}
             */
            quality?: "auto" | "low" | "medium" | "high" | "standard" | "hd" | "xhigh" | "max" | null;
            /**
             * @description `transparent` needs png or webp.
             * @enum {string|null}
             */
            background?: "auto" | "transparent" | "opaque" | null;
            /** @enum {string|null} */
            output_format?: "png" | "jpeg" | "webp" | null;
            /** @description For jpeg and webp; 100 when left out. */
            output_compression?: number | null;
            /** @enum {string|null} */
            moderation?: "auto" | "low" | null;
            /**
             * @description Base64 when left out, but for models that begin `dall-e-`: there an address, which opens for 60 minutes.
             * @enum {string|null}
             */
            response_format?: "url" | "b64_json" | null;
            /** @description Answer with server-sent events. */
            stream?: boolean | null;
            /** @description How many unfinished pictures to send with `stream`; fewer may come. */
            partial_images?: number | null;
            /** @description Accepted and not used. */
            user?: string | null;
            /** @description Accepted and not used. */
            safety_identifier?: string | null;
            /** @description The pictures to edit, as many as the model takes. */
            images: components["schemas"]["OpenAiImageReference"][];
            /** @description A PNG of the first picture's size; its transparent areas are drawn anew. */
            mask?: {
                /** @description An https URL, or a data URL such as `data:image/png;base64,…`. */
                image_url?: string;
                /** @description Refused: there is no file store here. */
                file_id?: string;
            } | null;
            /** @enum {string|null} */
            input_fidelity?: "high" | "low" | null;
        };
        OpenAiImageReference: {
            /** @description An https URL, or a data URL such as `data:image/png;base64,…`. */
            image_url?: string;
            /** @description Refused: there is no file store here. */
            file_id?: string;
        };
        OpenAiModelList: {
            /** @enum {string} */
            object: "list";
            data: components["schemas"]["OpenAiModel"][];
        };
        OpenAiModel: {
            id: string;
            /** @enum {string} */
            object: "model";
            /** @description Unix seconds. */
            created: number;
            owned_by: string;
            /**
             * Format: date
             * @description The first day on which nothing serves it.
             */
            shutdown_date?: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    createImage: {
        parameters: {
            query?: never;
            header?: {
                /** @description Names this order; a repeat shows the same result. */
                "Idempotency-Key"?: string;
                /** @description `respond-async`, or `wait=N` with seconds (RFC 7240). */
                Prefer?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OpenAiGenerateRequest"];
            };
        };
        responses: {
            /** @description The images; with `stream`, server-sent events named after their `type`. */
            200: {
                headers: {
                    /** @description The order, as the native API knows it. */
                    "x-darkroom-generation-id"?: string;
                    /** @description `false`: clients' libraries must not send the order again. */
                    "x-should-retry"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiImagesResponse"];
                    "text/event-stream": components["schemas"]["OpenAiPartialImageEvent"] | components["schemas"]["OpenAiCompletedEvent"] | components["schemas"]["OpenAiError"];
                };
            };
            /** @description Accepted, where `Prefer` asked for it: read the result by the native API. */
            202: {
                headers: {
                    /** @description The order, as the native API knows it. */
                    "x-darkroom-generation-id"?: string;
                    /** @description `false`: clients' libraries must not send the order again. */
                    "x-should-retry"?: string;
                    /** @description Whole seconds to wait. */
                    "Retry-After"?: number;
                    /** @description Where to read the generation. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiAccepted"];
                };
            };
            /** @description A member is not valid, or a safety system refused; `param` names the member. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description The API key is missing or not valid. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description The API key lacks the scope. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description There is no such model. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description Another method; `Allow` names those that there are. */
            405: {
                headers: {
                    /** @description The methods. */
                    Allow?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "error": {
                     *         "message": "The method is not allowed here.",
                     *         "type": "invalid_request_error",
                     *         "param": null,
                     *         "code": null
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description The body is of another type. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description The idempotency key was used with another request. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description Too many requests, or too few credits: then with `x-should-retry: false`. */
            429: {
                headers: {
                    /** @description Whole seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description The generation failed and was not charged. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description At capacity or not available right now. */
            503: {
                headers: {
                    /** @description Whole seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
        };
    };
    createImageEdit: {
        parameters: {
            query?: never;
            header?: {
                /** @description Names this order; a repeat shows the same result. */
                "Idempotency-Key"?: string;
                /** @description `respond-async`, or `wait=N` with seconds (RFC 7240). */
                Prefer?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "multipart/form-data": components["schemas"]["OpenAiEditForm"];
                "application/json": components["schemas"]["OpenAiEditRequest"];
            };
        };
        responses: {
            /** @description The images; with `stream`, server-sent events named after their `type`. */
            200: {
                headers: {
                    /** @description The order, as the native API knows it. */
                    "x-darkroom-generation-id"?: string;
                    /** @description `false`: clients' libraries must not send the order again. */
                    "x-should-retry"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiImagesResponse"];
                    "text/event-stream": components["schemas"]["OpenAiPartialImageEvent"] | components["schemas"]["OpenAiCompletedEvent"] | components["schemas"]["OpenAiError"];
                };
            };
            /** @description Accepted, where `Prefer` asked for it: read the result by the native API. */
            202: {
                headers: {
                    /** @description The order, as the native API knows it. */
                    "x-darkroom-generation-id"?: string;
                    /** @description `false`: clients' libraries must not send the order again. */
                    "x-should-retry"?: string;
                    /** @description Whole seconds to wait. */
                    "Retry-After"?: number;
                    /** @description Where to read the generation. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiAccepted"];
                };
            };
            /** @description A member is not valid, or a safety system refused; `param` names the member. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description The API key is missing or not valid. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description The API key lacks the scope. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description There is no such model. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description Another method; `Allow` names those that there are. */
            405: {
                headers: {
                    /** @description The methods. */
                    Allow?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "error": {
                     *         "message": "The method is not allowed here.",
                     *         "type": "invalid_request_error",
                     *         "param": null,
                     *         "code": null
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description The body is too large. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description The body is of another type. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description The idempotency key was used with another request. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description Too many requests, or too few credits: then with `x-should-retry: false`. */
            429: {
                headers: {
                    /** @description Whole seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description The generation failed and was not charged. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description At capacity or not available right now. */
            503: {
                headers: {
                    /** @description Whole seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
        };
    };
    listModels: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The models */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiModelList"];
                };
            };
            /** @description The API key is missing or not valid. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description The API key lacks the scope. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description Another method; `Allow` names those that there are. */
            405: {
                headers: {
                    /** @description The methods. */
                    Allow?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "error": {
                     *         "message": "The method is not allowed here.",
                     *         "type": "invalid_request_error",
                     *         "param": null,
                     *         "code": null
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description Too many requests. */
            429: {
                headers: {
                    /** @description Whole seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description Something went wrong on our side. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description At capacity or not available right now. */
            503: {
                headers: {
                    /** @description Whole seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
        };
    };
    retrieveModel: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The model */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiModel"];
                };
            };
            /** @description The API key is missing or not valid. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description The API key lacks the scope. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description There is no such model. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description Another method; `Allow` names those that there are. */
            405: {
                headers: {
                    /** @description The methods. */
                    Allow?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "error": {
                     *         "message": "The method is not allowed here.",
                     *         "type": "invalid_request_error",
                     *         "param": null,
                     *         "code": null
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description Too many requests. */
            429: {
                headers: {
                    /** @description Whole seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description Something went wrong on our side. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
            /** @description At capacity or not available right now. */
            503: {
                headers: {
                    /** @description Whole seconds to wait. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenAiError"];
                };
            };
        };
    };
}
