#if !RADOS
    import Testing

    @Suite struct RadosDiskTests {
        private static let reason: Comment =
            "built without the trait RADOS; .ci/rados builds with it and starts a cluster"

        @Test(.disabled(reason)) func relationsInACluster() {}
    }
#endif
