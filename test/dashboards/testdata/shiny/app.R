# A dashboard of Shiny that shows who looks at it.
library(shiny)

ui <- fluidPage(
  h1("Figures"),
  p("Signed in as", textOutput("email", inline = TRUE), "or", textOutput("name", inline = TRUE)),
  p("Looking at", textOutput("query", inline = TRUE)),
  actionButton("add", "Count"),
  textOutput("count"),
  fileInput("file", "A file"),
  textOutput("received"),
  a("Log out", href = "/_gate/logout", id = "logout")
)

server <- function(input, output, session) {
  output$email <- renderText(session$request$HTTP_X_USER_EMAIL)
  output$name <- renderText({
    name <- URLdecode(session$request$HTTP_X_USER_NAME)
    Encoding(name) <- "UTF-8"
    name
  })
  output$query <- renderText(session$clientData$url_search)
  output$count <- renderText(paste("Counted", input$add))
  output$received <- renderText({
    req(input$file)
    paste("Received", input$file$size, "bytes", tools::md5sum(input$file$datapath))
  })
}

shinyApp(ui, server)
