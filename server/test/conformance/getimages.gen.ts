// Made by openapi-typescript from docs/openapi/getimages.published.json; a test keeps it current.
export interface paths {
    "/api/v1/images/generate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Generate an image
         * @description Generates an image, charges credits, stores the generation, and returns inline base64 image bytes.
         */
        post: operations["generateImage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/images": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List generated images
         * @description Returns paginated metadata for the caller's generated images. Base64 image bytes are not included.
         */
        get: operations["listImages"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/images/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a generated image
         * @description Returns one generated image. By default the response includes inline base64 image bytes. Use format=metadata to omit bytes.
         */
        get: operations["getImage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/account": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get account
         * @description Returns the caller's user ID, email, and current credit balance.
         */
        get: operations["getAccount"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List credit usage
         * @description Returns paginated credit transactions for the caller.
         */
        get: operations["listUsage"];
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
        GenerateImageRequest: {
            /** @description Text prompt for the image. */
            prompt: string;
            /** @enum {string} */
            modelId: "openai:gpt-image-1.5" | "openai:gpt-image-2" | "google:gemini-2.5-flash-image" | "google:gemini-3.1-flash-image-preview" | "google:gemini-3-pro-image-preview";
            /**
             * @default 1:1
             * @enum {string}
             */
            aspectRatio?: "1:1" | "3:2" | "2:3" | "16:9" | "9:16" | "4:3" | "3:4" | "21:9";
            /** @description Optional style instruction. */
            style?: string;
            /**
             * @description Only supported by: google:gemini-3.1-flash-image-preview, google:gemini-3-pro-image-preview.
             * @enum {string}
             */
            thinkingLevel?: "default" | "deep";
        };
        GenerateImageResponse: {
            image: components["schemas"]["GeneratedImage"];
            credits: components["schemas"]["CreditCharge"];
        };
        GetImageResponse: {
            image: components["schemas"]["ImageWithBytes"];
        };
        GetImageMetadataResponse: {
            image: components["schemas"]["ImageMetadata"];
        };
        ListImagesResponse: {
            images: components["schemas"]["ImageMetadata"][];
            total: number;
            limit: number;
            offset: number;
        };
        GeneratedImage: components["schemas"]["ImageMetadata"] & {
            /** @description Base64-encoded image bytes. */
            b64_json: string;
        };
        ImageWithBytes: components["schemas"]["ImageMetadata"] & {
            /** @description Base64-encoded image bytes. */
            b64_json: string;
        };
        ImageMetadata: {
            /** Format: uuid */
            id: string;
            prompt: string;
            /** @enum {string} */
            modelId: "openai:gpt-image-1.5" | "openai:gpt-image-2" | "google:gemini-2.5-flash-image" | "google:gemini-3.1-flash-image-preview" | "google:gemini-3-pro-image-preview";
            /** @enum {string} */
            providerId: "openai" | "google";
            /** @enum {string} */
            aspectRatio: "1:1" | "3:2" | "2:3" | "16:9" | "9:16" | "4:3" | "3:4" | "21:9";
            style: string | null;
            /** @enum {string|null} */
            thinkingLevel: "default" | "deep" | null;
            /** @example image/png */
            mediaType: string;
            creditCost?: number | null;
            /** Format: date-time */
            createdAt: string;
        };
        CreditCharge: {
            charged: number;
            remaining: number;
        };
        AccountResponse: {
            userId: string;
            /** Format: email */
            email: string;
            creditBalance: number;
        };
        ListUsageResponse: {
            transactions: components["schemas"]["CreditTransaction"][];
            total: number;
            limit: number;
            offset: number;
        };
        CreditTransaction: {
            /** Format: uuid */
            id: string;
            amount: number;
            /** @enum {string} */
            type: "addition" | "deduction" | "refund";
            description: string | null;
            referenceId: string | null;
            /** Format: date-time */
            createdAt: string;
        };
        ErrorResponse: {
            error: {
                message: string;
                details?: {
                    path: string;
                    message: string;
                    code: string;
                }[];
            };
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
    generateImage: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["GenerateImageRequest"];
            };
        };
        responses: {
            /** @description Generated image */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GenerateImageResponse"];
                };
            };
            /** @description Error response */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description Missing, invalid, revoked, or rate-limited API key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description Missing, invalid, revoked, or rate-limited API key */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description Error response */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
        };
    };
    listImages: {
        parameters: {
            query?: {
                /** @description Number of items to return. Defaults to 20. Maximum is 100. */
                limit?: number;
                /** @description Number of items to skip. Defaults to 0. */
                offset?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Paginated image metadata */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListImagesResponse"];
                };
            };
            /** @description Error response */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description Missing, invalid, revoked, or rate-limited API key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description Missing, invalid, revoked, or rate-limited API key */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
        };
    };
    getImage: {
        parameters: {
            query?: {
                /** @description Pass metadata to omit b64_json from the response. */
                format?: "metadata";
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Generated image */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GetImageResponse"] | components["schemas"]["GetImageMetadataResponse"];
                };
            };
            /** @description Missing, invalid, revoked, or rate-limited API key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description Error response */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description Missing, invalid, revoked, or rate-limited API key */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
        };
    };
    getAccount: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Account details */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccountResponse"];
                };
            };
            /** @description Missing, invalid, revoked, or rate-limited API key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description Error response */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description Missing, invalid, revoked, or rate-limited API key */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
        };
    };
    listUsage: {
        parameters: {
            query?: {
                /** @description Number of items to return. Defaults to 20. Maximum is 100. */
                limit?: number;
                /** @description Number of items to skip. Defaults to 0. */
                offset?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Paginated credit transactions */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListUsageResponse"];
                };
            };
            /** @description Error response */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description Missing, invalid, revoked, or rate-limited API key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
            /** @description Missing, invalid, revoked, or rate-limited API key */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorResponse"];
                };
            };
        };
    };
}
