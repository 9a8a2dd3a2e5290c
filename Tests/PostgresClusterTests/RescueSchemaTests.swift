import AsyncIO
import PostgresRescue
import Testing

@Suite("Columns given as text")
struct RescueSchemaTests {
    @Test("are read as SQL writes them")
    func names() throws {
        let schema = try RescueSchema(
            parsing: #"""
                id bigint NOT NULL, "Full ""Name""" character varying(20) DEFAULT 'a', Price
                numeric(10,2), at timestamp(3) without time zone, tags text[][], c "char",
                js "json",
                r int4range, m datemultirange, e enum, h hstore, d double precision PRIMARY KEY
                """#)
        #expect(
            schema.columnNames == [
                "id", "Full \"Name\"", "price", "at", "tags", "c", "js", "r", "m", "e", "h", "d",
            ])
    }

    @Test(
        "are refused if they make no sense",
        arguments: [
            "", " ", "a", "a int,", ",", "a int b", "a nothing", "a int)", "a int(", "\"a int",
            "a int[", "a []", "a int[] []x", "(a int)",
        ])
    func wrong(_ text: String) throws {
        let error = try #require(throws: StorageError.self) { try RescueSchema(parsing: text) }
        #expect(error.code == .invalidSchema)
    }
}
