import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.Date;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Timestamp;
import java.util.ArrayList;
import java.util.List;

/** What tools on the JVM ask through JDBC: the address and the database are its arguments. The end is 1 where a step fails. */
public final class Jdbc {
    private static int passed = 0;
    private static final List<String> FAILED = new ArrayList<>();

    private interface Run {
        String run() throws Exception;
    }

    private static void step(String name, Run step) {
        try {
            String answer = step.run();
            passed += 1;
            System.out.println("OK      " + name + (answer == null ? "" : ": " + answer));
        } catch (Exception | AssertionError error) {
            FAILED.add(name);
            String message = String.valueOf(error.getMessage());
            System.out.println("FAILED  " + name + ": " + error.getClass().getSimpleName() + ": " + message.substring(0, Math.min(500, message.length())));
        }
    }

    private static void same(String what, Object found, Object expected) {
        if (!expected.equals(found)) {
            throw new AssertionError(what + " is " + found + ", not " + expected);
        }
    }

    private static List<String> column(ResultSet rows, String name) throws SQLException {
        List<String> values = new ArrayList<>();
        while (rows.next()) {
            values.add(rows.getString(name));
        }
        return values;
    }

    public static void main(String[] arguments) throws Exception {
        String database = arguments[1];
        Class.forName("com.simba.athena.jdbc.Driver");
        try (Connection connection = DriverManager.getConnection(arguments[0]); Statement statement = connection.createStatement()) {
            DatabaseMetaData metadata = connection.getMetaData();
            step("version", () -> metadata.getDriverName() + " " + metadata.getDriverVersion());
            long[] orders = new long[1];
            step("a count", () -> {
                try (ResultSet rows = statement.executeQuery("SELECT count(*) AS n FROM shopify_orders")) {
                    rows.next();
                    orders[0] = rows.getLong("n");
                }
                return orders[0] + " orders";
            });
            step("types", () -> {
                String sql = "SELECT CAST('1.2300' AS decimal(18,4)) AS m, DATE '2026-03-01' AS d, TIMESTAMP '2026-03-01 01:02:03.456' AS t, TRUE AS b, BIGINT '7' AS l, 1.5e0 AS x, 'ä' AS v, CAST(NULL AS varchar) AS n, '' AS e, ARRAY[1,2] AS a";
                try (ResultSet rows = statement.executeQuery(sql)) {
                    rows.next();
                    same("decimal", rows.getBigDecimal("m"), new BigDecimal("1.2300"));
                    same("date", rows.getDate("d"), Date.valueOf("2026-03-01"));
                    same("timestamp", rows.getTimestamp("t"), Timestamp.valueOf("2026-03-01 01:02:03.456"));
                    same("boolean", rows.getBoolean("b"), true);
                    same("bigint", rows.getLong("l"), 7L);
                    same("double", rows.getDouble("x"), 1.5);
                    same("text", rows.getString("v"), "ä");
                    same("NULL", rows.getString("n") == null && rows.wasNull(), true);
                    same("empty text", rows.getString("e"), "");
                    // The driver takes the brackets off itself.
                    same("array", rows.getString("a"), "1, 2");
                    ResultSetMetaData columns = rows.getMetaData();
                    same("type of m", columns.getColumnTypeName(1).toUpperCase(java.util.Locale.ROOT) + " " + columns.getPrecision(1) + " " + columns.getScale(1), "DECIMAL 18 4");
                }
                return null;
            });
            step("more rows than a page", () -> {
                int count = 0;
                try (ResultSet rows = statement.executeQuery("SELECT event_id, dt FROM game_events UNION ALL SELECT event_id, dt FROM game_match_players")) {
                    while (rows.next()) {
                        count += 1;
                    }
                }
                same("more than a thousand", count > 1000, true);
                return count + " rows";
            });
            step("setMaxRows", () -> {
                try (Statement limited = connection.createStatement()) {
                    limited.setMaxRows(5);
                    try (ResultSet rows = limited.executeQuery("SELECT event_id FROM shopify_orders")) {
                        same("rows", column(rows, "event_id").size(), 5);
                    }
                }
                return null;
            });
            // The driver is older than Athena's execution parameters.
            step("a prepared statement, without parameters", () -> {
                try (PreparedStatement prepared = connection.prepareStatement("SELECT count(*) FROM shopify_orders WHERE currency <> 'it''s none'")) {
                    try (ResultSet rows = prepared.executeQuery()) {
                        rows.next();
                        same("count", rows.getLong(1), orders[0]);
                    }
                }
                return null;
            });
            step("catalogues and schemas", () -> {
                try (ResultSet rows = metadata.getCatalogs()) {
                    column(rows, "TABLE_CAT");
                }
                try (ResultSet rows = metadata.getSchemas()) {
                    List<String> schemas = column(rows, "TABLE_SCHEM");
                    same("the lake's database is there", schemas.contains(database), true);
                }
                return null;
            });
            step("tables and views", () -> {
                try (ResultSet rows = metadata.getTables(null, database, "%", null)) {
                    List<String> tables = column(rows, "TABLE_NAME");
                    same("table and view", tables.contains("shopify_orders") && tables.contains("orders_current"), true);
                    return tables.size() + " tables";
                }
            });
            step("columns", () -> {
                List<String> names = new ArrayList<>();
                try (ResultSet rows = metadata.getColumns(null, database, "shopify_orders", "%")) {
                    while (rows.next()) {
                        names.add(rows.getString("COLUMN_NAME") + " " + rows.getString("TYPE_NAME").toLowerCase(java.util.Locale.ROOT));
                    }
                }
                same("money", names.stream().anyMatch(name -> name.startsWith("total_price decimal")), true);
                same("partition", names.contains("dt date"), true);
                return names.size() + " columns";
            });
            step("types of tables, keys, indexes", () -> {
                try (ResultSet rows = metadata.getTableTypes()) {
                    same("TABLE", column(rows, "TABLE_TYPE").contains("TABLE"), true);
                }
                try (ResultSet rows = metadata.getPrimaryKeys(null, database, "shopify_orders")) {
                    same("keys", rows.next(), false);
                }
                return null;
            });
            step("DDL: CREATE VIEW, SHOW, DESCRIBE, DROP VIEW", () -> {
                statement.execute("CREATE OR REPLACE VIEW jdbc_view AS SELECT order_id FROM shopify_orders");
                try (ResultSet rows = statement.executeQuery("SHOW TABLES 'jdbc_*'")) {
                    same("rows", rows.next(), true);
                }
                try (ResultSet rows = statement.executeQuery("DESCRIBE shopify_orders")) {
                    same("rows", rows.next(), true);
                }
                try (ResultSet rows = statement.executeQuery("SELECT count(*) FROM jdbc_view")) {
                    rows.next();
                    same("count", rows.getLong(1), orders[0]);
                }
                statement.execute("DROP VIEW jdbc_view");
                return null;
            });
            step("a mistake is refused with its words", () -> {
                try (ResultSet rows = statement.executeQuery("SELECT nope FROM shopify_orders")) {
                    rows.next();
                } catch (SQLException error) {
                    same("COLUMN_NOT_FOUND", error.getMessage().contains("COLUMN_NOT_FOUND"), true);
                    return null;
                }
                throw new AssertionError("it is not refused");
            });
        }
        System.out.println("JDBC: " + passed + " steps as they should be, " + FAILED.size() + " not" + (FAILED.isEmpty() ? "" : ": " + FAILED));
        System.exit(FAILED.isEmpty() ? 0 : 1);
    }
}
